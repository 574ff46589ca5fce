"""The search's latency by the state a provider is in while it is fetched again and again."""

import contextlib
import dataclasses
import http.server
import itertools
import pathlib
import random
import statistics

from event_feed import BadAnswer, Feed, FeedServer, large
from processes import Failure, free_port, poll
from provider_operator import Fetching, Operator
from report import Figure, say
from searches import EVENTS, SEARCH_RATE, body_of, paced_search
from workbench import Bench

BOUND = 20.0  # ms, for the p99 in the worst state
FEED_EVENTS = 500  # of the provider that is well and of the one that lies: 12 MB
FLOOD = 300_000_000  # bytes; providers.max_answer is 256 MiB
PAUSE = 0.05  # s between two fetches, far less than any interval a provider may have
# A hung provider is given up sooner than by default, so that it is fetched more often; a flood is read to the limit.
FLAGS = ("--providers.idle_timeout=1s", "--providers.total_timeout=5m")


@dataclasses.dataclass(frozen=True)
class State:
    """What a provider may be like: its name, where it is and how each fetch of it ends; no URL: no fetch at all."""

    name: str
    url: str | None = None
    failure: str | None = None


def hang(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Says nothing until the other side gives up."""
    handler.rfile.read(1)


def lie(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Sends a whole feed and has claimed more."""
    parts = list(large(0, FEED_EVENTS))
    handler.send_response(200)
    handler.send_header("Content-Length", str(sum(map(len, parts)) + 1_000_000))
    handler.end_headers()
    for part in parts:
        handler.wfile.write(part)


def send_garbage(handler: http.server.BaseHTTPRequestHandler) -> None:
    """No XML."""
    body = random.Random(3).randbytes(1_000_000)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def flood(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Good events, more of them than anybody wants, and no length."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    head, *events, _ = large(0, FEED_EVENTS)
    handler.wfile.write(head)
    sent = 0
    for one in itertools.cycle(events):
        handler.wfile.write(one)
        sent += len(one)
        if sent >= FLOOD:
            break


def search_in(
    bench: Bench, port: int, file: pathlib.Path, operator: Operator, state: State, path: str
) -> dict:
    """The load of a round with the provider in that state; tells how many fetches ended, too."""
    if not state.url:
        return {**paced_search(bench, port, file), "fetches": 0}
    with Fetching(operator, path, state.failure, PAUSE) as fetching:
        found = paced_search(bench, port, file)
    if fetching.failure:
        raise fetching.failure
    return {**found, "fetches": len(fetching.fetches)}


def measure_provider_states(bench: Bench, config: pathlib.Path, file: pathlib.Path) -> None:
    """p50 and p99 of /search at SEARCH_RATE in each state, on the databases that hold the events already."""
    editions = itertools.cycle((1, 2))
    good: dict[str, Feed] = {"/well": lambda: large(next(editions), FEED_EVENTS)}
    bad: dict[str, BadAnswer] = {
        "/hung": hang,
        "/lies": lie,
        "/garbage": send_garbage,
        "/flood": flood,
    }
    with contextlib.ExitStack() as stack:
        feeds = stack.enter_context(FeedServer(good, bad))
        port, _ = stack.enter_context(bench.serving(config, *FLAGS, name="states"))
        if not poll(lambda: body_of(port, "/search").count(b'"id":') >= EVENTS, 30):
            raise Failure("after a new start the search does not show what was fetched before")
        operator = Operator(bench, port)
        idle = State("none fetched")
        states = [
            idle,
            State("well", feeds.url("/well")),
            State("down", f"http://127.0.0.1:{free_port()}/", "connect"),
            State("hung", feeds.url("/hung"), "timeout"),
            State("lies about the length", feeds.url("/lies"), "truncated"),
            State("garbage", feeds.url("/garbage"), "feed"),
            State("300 MB", feeds.url("/flood"), "too_large"),
        ]
        paths = {
            each: operator.add(f"A provider: {each.name}", each.url) if each.url else ""
            for each in states
        }
        found: dict[State, list[dict]] = {each: [] for each in states}
        for number_of_round in range(bench.rounds):
            for each in states:
                found[each].append(search_in(bench, port, file, operator, each, paths[each]))
            states.append(states.pop(0))  # nobody always runs after the same one
            text = ", ".join(
                f"{each.name} {values[-1]['p99']:.1f}" for each, values in found.items()
            )
            say(
                f"round {number_of_round + 1} of {bench.rounds}: p99 in ms by the provider's state: {text}"
            )
    report(bench, found, idle)


def report(bench: Bench, found: dict[State, list[dict]], idle: State) -> None:
    """A line with all states, and the figure of the worst."""
    bench.report.raw["search by the provider's state"] = {
        each.name: values for each, values in found.items()
    }
    middle = {
        each: {key: statistics.median(value[key] for value in values) for key in ("p50", "p99")}
        for each, values in found.items()
    }
    fetches = {each: sum(value["fetches"] for value in values) for each, values in found.items()}
    lines = ", ".join(
        f"{each.name} {middle[each]['p50']:.2f}/{middle[each]['p99']:.1f} ({fetches[each]} fetches)"
        for each in found
    )
    slowest = max(found, key=lambda each: middle[each]["p50"])
    ratio = middle[slowest]["p50"] / middle[idle]["p50"]
    bench.report.note(
        f"/search at {SEARCH_RATE:,}/s by the provider's state, p50/p99 in ms: {lines}; every search was answered with"
        f" 200; the highest p50 ({slowest.name}) is {ratio:.2f} x that without fetches"
    )
    worst = max(found, key=lambda each: middle[each]["p99"])
    bench.report.figures.append(
        Figure(
            f"/search at {SEARCH_RATE:,}/s, provider in its worst state ({worst.name}): p99",
            f"p50 {middle[worst]['p50']:.2f} ms",
            "-",
            middle[worst]["p99"],
            BOUND,
            "ms",
            less_is_better=True,
        )
    )
