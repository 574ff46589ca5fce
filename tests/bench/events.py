"""The measure events: the search, and the fetches that feed it."""

import asyncio
import datetime
import itertools
import json
import pathlib
import statistics
import uuid

import asyncpg
import event_feed
from databases import fresh_database, settle_wal, sql
from peer import make_peer_tables
from process_memory import Memory
from processes import Failure, Process, poll
from provider_operator import Fetching, Operator
from provider_states import measure_provider_states
from report import Figure, per_second, say
from searches import EVENTS, RANGES, SEARCH_RATE, body_of, paced_search, write_ranges
from workbench import Bench, CONNECTIONS


def fill_peer_events(bench: Bench, dsn: str, port: int) -> None:
    """The peer's table with the events that Troupe's search shows; local times are UTC."""
    make_peer_tables(bench, dsn)
    rows = []
    for one in json.loads(body_of(port, "/search"))["data"]["events"]:
        starts, ends = (
            datetime.datetime.fromisoformat(f"{one[f'{end}_date']}T{one[f'{end}_time']}")
            for end in ("start", "end")
        )
        zone = datetime.timezone.utc
        instants = (starts.replace(tzinfo=zone), ends.replace(tzinfo=zone))
        prices = (one["min_price"], one["max_price"])
        rows.append((uuid.UUID(one["id"]), one["title"], *instants, starts, ends, *prices))

    async def copy() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.copy_records_to_table("event", schema_name="peer", records=rows)
        await connection.execute("analyze")
        await connection.close()

    asyncio.run(copy())


def measure_search(bench: Bench, port: int, peer_port: int) -> pathlib.Path:
    """The rate of /search, against nginx and the peer, which must answer the same. The file of its searches."""
    file, paths = write_ranges(bench)
    sizes, found = [], []
    for path in paths:
        ours = body_of(port, path)
        answer = json.loads(ours)
        if answer != json.loads(body_of(peer_port, path)):
            raise Failure(f"the peer answers something else to GET {path}")
        sizes.append(len(ours))
        found.append(len(answer["data"]["events"]))
    body = min(
        (body_of(port, path) for path in paths),
        key=lambda each: abs(len(each) - statistics.mean(sizes)),
    )
    say(
        f"events: /search of {EVENTS:,} events, {RANGES:,} ranges that hold {statistics.mean(found):.1f} ({min(found)} to"
        f" {max(found)}), the peer's answers are the same; nginx with a body of {len(body)} bytes; {CONNECTIONS}"
        f" connections, {bench.rounds} rounds of {bench.seconds} s each"
    )
    with bench.nginx(body) as nginx_port:
        for each in (port, peer_port, nginx_port):  # warm
            bench.wrk(each, 2, "search", file)
        rates = bench.alternate(
            {
                "search troupe": lambda: bench.wrk(port, bench.seconds, "search", file),
                "search nginx": lambda: bench.wrk(nginx_port, bench.seconds, "search", file),
                "search peer": lambda: bench.wrk(peer_port, bench.seconds, "search", file),
            }
        )
    ours = rates["search troupe"]
    for name, theirs, needed in (
        ("nginx, static body", rates["search nginx"], 0.35),
        ("FastAPI peer", rates["search peer"], 10.0),
    ):
        bench.report.figures.append(
            Figure(
                f"/search : {name}",
                per_second(ours),
                per_second(theirs),
                ours / theirs,
                needed,
                "x",
            )
        )
    bench.report.figures.append(
        Figure("/search", per_second(ours), "-", ours / 1000, SEARCH_RATE / 1000, "thousand/s")
    )
    return file


def measure_search_latency(
    bench: Bench, port: int, file: pathlib.Path, operator: Operator, provider: str
) -> None:
    """p99 of /search at SEARCH_RATE, alone and while a large feed is fetched all the time."""
    alone, beside = [], []
    fetches: list[tuple[dict, float]] = []
    for number_of_round in range(bench.rounds):
        alone.append(paced_search(bench, port, file))
        with Fetching(operator, provider) as fetching:
            beside.append(paced_search(bench, port, file))
        if fetching.failure:
            raise fetching.failure
        fetches += fetching.fetches
        say(
            f"round {number_of_round + 1} of {bench.rounds}: p99 {alone[-1]['p99']:.1f} ms alone (longest"
            f" {alone[-1]['max']:.1f} ms), {beside[-1]['p99']:.1f} ms with fetches (longest {beside[-1]['max']:.1f} ms)"
        )
    bench.report.raw.update({"search alone": alone, "search during fetches": beside})
    for name, found, needed in (("", alone, 10.0), (" during fetches", beside, 20.0)):
        bench.report.figures.append(
            Figure(
                f"/search at {SEARCH_RATE:,}/s{name}: p99",
                f"p50 {statistics.median(each['p50'] for each in found):.1f} ms",
                "-",
                statistics.median(each["p99"] for each in found),
                needed,
                "ms",
                less_is_better=True,
            )
        )
    took = ", ".join(f"{seconds:.1f}" for _, seconds in fetches)
    changed = ", ".join(f"{report['changed']:,}" for report, _ in fetches)
    bench.report.note(
        f"fetches during the load: {took} s, with {changed} changed events; every search was answered with 200;"
        f" {operator.timed_out} of all requests for a fetch were answered 503 instead of 202"
    )


def measure_large_fetch(
    bench: Bench, process: Process, feeds: event_feed.FeedServer, operator: Operator
) -> None:
    """The time and the memory of a large feed, and what a second fetch of the same writes."""
    provider = operator.add("Large halls", feeds.url("/large"))
    memory = Memory(process.pid)
    idle = memory.sample()
    memory.forget_peak()
    report, seconds = operator.fetch(provider)
    peak = memory.peak()
    name = f"{event_feed.LARGE_EVENTS:,} events of {event_feed.LARGE_ZONES} zones"
    if report["changed"] != event_feed.LARGE_EVENTS:
        raise Failure(f"a fetch of {name} found {report}")
    again, again_seconds = operator.fetch(provider)
    if again["changed"]:
        raise Failure(f"the same answer again changed events: {again}")
    size = feeds.bytes_of["/large"] / 1e6
    bench.report.note(
        f"fetch of {name}, {size:.0f} MB: {seconds:.1f} s, memory {idle:.0f} MiB before and {peak:.0f} MiB"
        f" at most; the same answer again: {again_seconds:.1f} s, no event changed"
    )
    for measure, value, needed, unit in (
        (f"fetch of {name}", seconds, 10.0, "s"),
        ("its memory above idle", (peak - idle) * 1.048576, 200.0, "MB"),
    ):
        bench.report.figures.append(
            Figure(measure, f"{value:.1f} {unit}", "-", value, needed, unit, less_is_better=True)
        )


def measure_events(bench: Bench) -> None:
    """The search of events and the fetches that feed it."""
    databases = [fresh_database(server, "troupe_events") for server in bench.pg]
    config = bench.config("events", databases, providers__allow_private="true")
    bench.troupe("migrate", "up", config=config)
    for server in bench.pg:
        settle_wal(server)
    editions = itertools.cycle((1, 2))
    planned = event_feed.plan(EVENTS)
    served: dict[str, event_feed.Feed] = {
        "/searched": lambda: event_feed.searched(planned),
        "/large": lambda: event_feed.large(0),
        "/changing": lambda: event_feed.large(next(editions)),
    }
    with event_feed.FeedServer(served) as feeds, bench.serving(config, name="events") as (
        port,
        process,
    ):
        operator = Operator(bench, port)
        report, seconds = operator.fetch(operator.add("Operas", feeds.url("/searched")))
        bench.report.note(f"fetch of {EVENTS:,} events of 2 zones: {seconds:.1f} s")
        if report["changed"] != EVENTS:
            raise Failure(f"the fetch of {EVENTS:,} events found {report}")
        if not poll(lambda: body_of(port, "/search").count(b'"id":') == EVENTS, 30):
            raise Failure("the search does not show what was fetched")
        peer_database = fresh_database(bench.pg[0], "peer_events")
        fill_peer_events(bench, peer_database, port)
        with bench.peer(peer_database) as peer_port:
            file = measure_search(bench, port, peer_port)
        measure_large_fetch(bench, process, feeds, operator)
        changing = operator.add("Changing halls", feeds.url("/changing"))
        measure_search_latency(bench, port, file, operator, changing)
    measure_provider_states(bench, config, file)
    sql(bench.pg[0], "drop database if exists peer_events with (force)")
    for server in bench.pg:
        sql(server, "drop database if exists troupe_events with (force)")
