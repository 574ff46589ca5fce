"""Providers that are killed, hang and lie while searches and fetches go on: nobody but their own events notices."""

import contextlib
import gzip
import http.server
import itertools
import pathlib
import re
import signal
import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from client import Session, fresh_name
from feed_server import FeedServer, event, feed
from provider_simulator import Feed, Simulator, parse
from search_load import Known, Row, Rows, SearchLoad, shown_rows, without_pause
from troupe_server import Cluster, Server, World, until

EVENTS = 50  # of each provider, so that one page holds them and what comes later
LIMIT = 4 * 1024 * 1024  # of an answer
FLOOD = 400 * 1024 * 1024  # what a liar would send
PIECE = b" " * 65536  # nothing, as XML sees it
SEEN_WITHIN = 10  # seconds until a change shows, on a busy machine

Misbehaviour = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture(scope="module")
def server(cluster: Cluster, world: World) -> Iterator[Server]:
    """One that loses patience early."""
    assert world.players
    running = cluster.serve(
        providers__allow_private="true",
        providers__poll="200ms",
        providers__connect_timeout="1s",
        providers__idle_timeout="1500ms",
        providers__total_timeout="10s",
        providers__max_answer="4MiB",
    )
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture(scope="module")
def known() -> Known:
    """What searches have to show."""
    return Known()


def row_of(one: dict[str, str], title: str, zones: list[dict[str, str]]) -> Row:
    """What the search shows of an event of a feed; its provider is in UTC."""
    prices = [float(zone["price"]) for zone in zones]
    times = (one["event_start_date"], one["event_end_date"])
    return (title, *times, min(prices, default=None), max(prices, default=None))


class Hall:
    """A simulated provider, and what is known of its events after each of its answers."""

    seeds = itertools.count(1)  # each has events of its own

    def __init__(self, operator: Session, known: Known) -> None:
        seed = str(next(self.seeds))
        self.options = ("--events", str(EVENTS), "--zones", "20", "--seed", seed)
        self.operator = operator
        self.known = known
        self.simulator = Simulator(*self.options)
        self.twin = Simulator(*self.options)  # tells what a generation holds before it is served
        self.generation = 0
        self.rows: dict[tuple[str, str], Row] = {}
        self.ever_online: set[tuple[str, str]] = set()
        self.added = Provider(operator, known, self.simulator.url)
        self.added.changes_to(self.take(0))

    def take(self, generation: int) -> Rows:
        """What the search shows once this generation has been fetched, too."""
        self.twin.control(generation=generation)
        answer: Feed = parse(self.twin.get().content)
        for key, one in answer.items():
            self.rows[key] = row_of(one.attributes, one.title, one.zones)
            if one.attributes["sell_mode"] == "online":
                self.ever_online.add(key)
        return frozenset(self.rows[key] for key in self.ever_online)

    def next_generation(self, **more: object) -> Rows:
        """Serves another generation from now on; gives what the search will show of it."""
        self.generation += 1
        coming = self.take(self.generation)
        self.known.may_become(self.added.id, coming)
        self.simulator.control(generation=self.generation, **more)
        return coming

    def start_again(self) -> None:
        """The process after a SIGKILL, at the same port and in the same generation."""
        port = urllib.parse.urlsplit(self.simulator.url).port
        self.simulator = Simulator(*self.options, "--port", str(port))
        self.simulator.control(generation=self.generation)

    def stop(self) -> None:
        """Both processes, whatever state they are in."""
        for each in (self.simulator, self.twin):
            each.kill()


class Provider:
    """A provider as an operator sees it: fetched every second, and whenever asked."""

    def __init__(self, operator: Session, known: Known, url: str) -> None:
        self.operator = operator
        self.known = known
        self.name = fresh_name("Provider")
        body = {"name": self.name, "url": url, "interval_s": 1, "paused": True}
        answer = operator.post("/v1/providers", json=body)
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["id"]
        self.path = f"/v1/providers/{self.id}"

    def pause(self, paused: bool) -> None:
        """Whether it is fetched by its interval."""
        assert self.operator.patch(self.path, json={"paused": paused}).status_code == 200

    def fetch(self) -> dict:
        """Asks for a fetch: how it went, or that it still runs."""
        answer = self.operator.post(self.path + "/fetch")
        assert answer.status_code in (200, 202), answer.text
        return answer.json()

    def state(self) -> dict:
        """How its fetches go."""
        answer = self.operator.get(self.path)
        assert answer.status_code == 200, answer.text
        return answer.json()["fetch"]

    def fails(self, kind: str) -> dict:
        """Asks until a fetch has failed in this way: how."""
        return until(
            lambda: (found := self.fetch())["failure"] == kind and not found["running"] and found,
            f"a fetch of {self.name} fails with {kind}",
        )

    def changes_to(self, rows: Rows) -> None:
        """Fetches it until one succeeds; from when the search shows the change, it shows exactly that."""
        self.known.may_become(self.id, rows)
        until(
            lambda: (found := self.fetch())["failure"] is None and not found["running"],
            f"a fetch of {self.name} succeeds",
        )
        self.shows(rows)

    def shows(self, rows: Rows) -> None:
        """Waits for the search to show these events."""
        query = {"provider": self.id, "limit": "100"}

        def matches() -> bool:
            answer = self.operator.client.get("/v1/events/search", params=query)
            assert answer.status_code == 200, answer.text
            return shown_rows(answer.json()["data"]["events"]) == rows

        until(matches, f"the search shows what {self.name} has", SEEN_WITHIN)
        self.known.is_now(self.id, rows)


@pytest.fixture(scope="module")
def healthy(operator: Session, known: Known, server: Server) -> Iterator[Hall]:
    """The provider that is always well."""
    made = Hall(operator, known)
    made.added.pause(False)
    yield made
    made.added.pause(True)
    until(lambda: not made.added.state()["running"], "its last fetch has ended")
    ended = counted(server, made.added)
    well = counted(server, made.added, "ok") + counted(server, made.added, "unchanged")
    made.stop()
    assert ended == well, "a fetch of the healthy provider has failed"


@pytest.fixture(scope="module")
def load(server: Server, known: Known, healthy: Hall) -> Iterator[SearchLoad]:
    """Searches, and fetches of the healthy provider, as fast as they go."""
    with SearchLoad(server.url, known) as searches:
        with without_pause(healthy.added.fetch) as failures:
            yield searches
        assert not failures


@pytest.fixture
def unwell(operator: Session, known: Known) -> Iterator[Hall]:
    """A provider that a test may do anything to. Its events stay."""
    made = Hall(operator, known)
    yield made
    made.added.pause(True)
    made.stop()


def counted(server: Server, provider: Provider, outcome: str | None = None) -> float:
    """How many fetches of the provider have ended, or ended like that."""
    labels = {"outcome": outcome} if outcome else {}
    return server.metric("troupe_provider_fetches_total", provider=provider.name, **labels)


def change(healthy: Hall) -> None:
    """The healthy provider has news, which shows in time whatever the others do."""
    healthy.added.shows(healthy.next_generation())


def fails_until_the_circuit_opens(
    server: Server, provider: Provider, kind: str, healthy: Hall
) -> None:
    """It fails in this way, again and again; the operator sees how, and nobody else sees anything."""
    while provider.fails(kind)["circuit"] != "open":
        change(healthy)
    seen = provider.state()
    assert seen["circuit"] in ("open", "half-open")
    assert seen["failures"] >= 5 and seen["failure"] == kind and seen["succeeded_at"]
    assert counted(server, provider, kind) >= 1


def is_well(provider: Provider) -> None:
    """As if nothing had been."""
    seen = provider.state()
    assert (seen["failure"], seen["failures"], seen["circuit"]) == (None, 0, "closed")


def test_a_provider_killed_during_its_answer(
    server: Server, load: SearchLoad, healthy: Hall, unwell: Hall
) -> None:
    coming = unwell.next_generation(chaos="slow", share=100)
    unwell.added.pause(False)
    until(lambda: unwell.simulator.control()["requests"], "a fetch by its interval is answered")
    unwell.simulator.kill()
    until(lambda: counted(server, unwell.added, "truncated"), "the answer has broken off")
    fails_until_the_circuit_opens(server, unwell.added, "connect", healthy)
    unwell.start_again()
    unwell.added.changes_to(coming)
    is_well(unwell.added)
    change(healthy)
    load.check()


def test_a_provider_that_hangs(
    server: Server, load: SearchLoad, healthy: Hall, unwell: Hall
) -> None:
    coming = unwell.next_generation(chaos="slow", share=100)
    unwell.added.pause(False)
    until(lambda: unwell.simulator.control()["requests"], "a fetch by its interval is answered")
    unwell.simulator.process.send_signal(signal.SIGSTOP)
    fails_until_the_circuit_opens(server, unwell.added, "timeout", healthy)
    unwell.simulator.process.send_signal(signal.SIGCONT)
    unwell.simulator.control(chaos="")
    unwell.added.changes_to(coming)
    is_well(unwell.added)
    change(healthy)
    load.check()


@contextlib.contextmanager
def memory_grows_less_than(server: Server, most: int) -> Iterator[None]:
    """Compares the process's largest memory meanwhile with that before."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status")

    def read(what: str) -> int:
        found = re.search(rf"^{what}:\s+(\d+) kB$", status.read_text("utf-8"), re.MULTILINE)
        return int(found[1]) * 1024

    status.with_name("clear_refs").write_text("5", encoding="utf-8")  # the peak starts from here
    before = read("VmRSS")
    yield
    assert read("VmHWM") - before < most


class Liar:
    """Ways to answer that are no good; counts what it got rid of in each answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[int] = []

    def answer(self, handler: http.server.BaseHTTPRequestHandler, **headers: str) -> None:
        """The head of an answer."""
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    def claims_more(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """A length that does not come."""
        self.answer(handler, Content_Length=str(len(self.body) + 100_000))
        handler.wfile.write(self.body)

    def sends_half(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Half a document, of the length it claims."""
        half = self.body[: len(self.body) // 2]
        self.answer(handler, Content_Length=str(len(half)))
        handler.wfile.write(half)

    def sends_garbage(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """No document at all."""
        self.answer(handler, Content_Length=str(len(self.body)))
        handler.wfile.write(bytes(255 - byte for byte in self.body))

    def never_ends(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """No length, and the good document goes on and on."""
        self.answer(handler, Connection="close")
        self.flood(handler)

    def announces_too_much(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """The same, but it says so."""
        self.answer(handler, Content_Length=str(FLOOD))
        self.flood(handler)

    def flood(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Until the other side has had enough."""
        sent = handler.wfile.write(self.body.removesuffix(b"</output></eventList>"))
        with contextlib.suppress(OSError):
            while sent < FLOOD:
                sent += handler.wfile.write(PIECE)
        self.sent.append(sent)

    def packs_a_flood(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """A small answer that becomes a large one."""
        packed = gzip.compress(self.body.removesuffix(b"</output></eventList>") + PIECE * 1000)
        assert len(packed) < LIMIT / 4
        self.answer(handler, Content_Encoding="gzip", Content_Length=str(len(packed)))
        with contextlib.suppress(OSError):
            handler.wfile.write(packed)


def halls_events(number: int) -> bytes:
    """The feed of the liar when it is honest."""
    return feed(
        *(
            event(str(each), "1", f"Matinee {each}", starts=f"2021-06-{1 + each % 28:02}T10:00:00")
            for each in range(number)
        )
    )


def rows_of(body: bytes) -> Rows:
    """What the search shows of it."""
    return frozenset(row_of(one.attributes, one.title, one.zones) for one in parse(body).values())


@pytest.fixture
def liar() -> Iterator[FeedServer]:
    """A provider that may misbehave."""
    made = FeedServer(halls_events(EVENTS))
    yield made
    made.stop()


def test_a_provider_that_lies(
    server: Server,
    load: SearchLoad,
    healthy: Hall,
    operator: Session,
    known: Known,
    liar: FeedServer,
) -> None:
    provider = Provider(operator, known, liar.url)
    provider.changes_to(rows_of(liar.body))
    provider.pause(False)
    lies = Liar(liar.body)
    with memory_grows_less_than(server, FLOOD // 4):
        for misbehave, kind in (
            (lies.claims_more, "truncated"),
            (lies.sends_half, "feed"),
            (lies.never_ends, "too_large"),
            (lies.sends_garbage, "feed"),
            (lies.announces_too_much, "too_large"),
            (lies.packs_a_flood, "too_large"),
        ):
            before = counted(server, provider, kind)
            liar.misbehave = misbehave
            assert provider.fails(kind)["events"] == EVENTS
            until(lambda: counted(server, provider, kind) > before, f"{kind} is counted")
            change(healthy)
        fails_until_the_circuit_opens(server, provider, "too_large", healthy)
    until(lambda: lies.sent, "a flood has ended")
    assert max(lies.sent) < FLOOD / 4, "it was not read to its end"
    liar.misbehave = None
    liar.body = halls_events(EVENTS + 1)
    provider.changes_to(rows_of(liar.body))
    is_well(provider)
    provider.pause(True)
    load.check()
