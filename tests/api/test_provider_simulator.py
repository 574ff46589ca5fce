"""`troupe provider-simulator`: what it serves, how it is steered and how it fails when it is told to."""

import itertools
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import httpx
import pytest
from provider_simulator import Simulator, parse
from troupe_server import BINARY, until


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    """One that all tests share."""
    made = Simulator("--events", "200", "--zones", "7", "--seed", "5")
    yield made
    assert made.stop() == 0


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """As if it had just started."""
    running.control(generation=0, chaos="", share=100)
    return running


def test_the_feed_is_xml_with_as_many_events_and_zones_as_asked(simulator: Simulator) -> None:
    answer = simulator.get()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/xml"
    assert int(answer.headers["content-length"]) == len(answer.content)
    feed = parse(answer.content)
    assert len(feed) == 200
    assert all(len(event.zones) == 7 for event in feed.values())
    assert {event.attributes["sell_mode"] for event in feed.values()} == {"online", "offline"}
    zone = next(iter(feed.values())).zones[0]
    assert set(zone) == {"zone_id", "capacity", "price", "name", "numbered"}
    assert any(zone["capacity"] == "0" for event in feed.values() for zone in event.zones)
    ids = [event for _, event in feed]
    assert len(set(ids)) < len(ids), "real feeds repeat ids under several base events"
    assert simulator.get("/any/path?of=it").content == answer.content


def test_the_same_seed_gives_the_same_feed_and_another_one_another(simulator: Simulator) -> None:
    first = simulator.get().content
    for seed, same in (("5", True), ("6", False)):
        other = Simulator("--events", "200", "--zones", "7", "--seed", seed)
        assert (other.get().content == first) == same
        assert other.stop() == 0


def test_plan_lists_have_the_same_events_under_other_names(simulator: Simulator) -> None:
    plans = Simulator("--events", "200", "--zones", "7", "--seed", "5", "--format", "planList")
    feed = parse(plans.get().content, "planList")
    assert plans.stop() == 0
    assert list(feed) == list(parse(simulator.get().content))


def test_an_unchanged_feed_is_304_and_a_changed_one_is_not(simulator: Simulator) -> None:
    etag = simulator.get().headers["etag"]
    again = simulator.get(If_None_Match=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert simulator.get(If_None_Match='"other"').status_code == 200
    assert simulator.control(generation=1)["generation"] == 1
    assert simulator.get(If_None_Match=etag).status_code == 200
    head = simulator.client.head("/events")
    assert (head.status_code, head.content) == (200, b"")


def test_generations_change_a_few_events_take_some_away_and_bring_new_ones(
    simulator: Simulator,
) -> None:
    feeds = []
    for generation in range(60):
        simulator.control(generation=generation)
        feeds.append(parse(simulator.get().content))
    gone = 0
    changed = {"title": 0, "event_start_date": 0, "sell_mode": 0, "price": 0}
    for one, two in itertools.pairwise(feeds):
        both = one.keys() & two.keys()
        different = [key for key in both if one[key] != two[key]]
        assert 0 < len(different) < 40
        assert two.keys() - one.keys()
        gone += len(one.keys() - two.keys())
        for key in different:
            for name in ("title", "event_start_date", "sell_mode"):
                changed[name] += one[key].attributes[name] != two[key].attributes[name]
            prices = ([zone["price"] for zone in feed[key].zones] for feed in (one, two))
            changed["price"] += next(prices) != next(prices)
    assert all(changed.values()), changed
    assert gone > 30
    simulator.control(generation=0)
    assert parse(simulator.get().content) == feeds[0]


def test_generations_come_by_themselves_when_asked_for() -> None:
    made = Simulator("--events", "20", "--change-every", "1")
    first = made.get().headers["etag"]
    until(lambda: made.get(If_None_Match=first).status_code == 200, "another generation")
    assert made.stop() == 0


def test_a_truncated_feed_claims_the_length_of_the_whole(simulator: Simulator) -> None:
    whole = simulator.get()
    simulator.control(chaos="truncate")
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):
        with simulator.client.stream("GET", "/events") as answer:
            assert answer.headers["content-length"] == whole.headers["content-length"]
            for piece in answer.iter_raw():
                got += piece
    assert got == whole.content[: len(whole.content) // 2]


def test_garbage_is_no_xml(simulator: Simulator) -> None:
    simulator.control(chaos="garbage")
    answer = simulator.get()
    assert answer.status_code == 200
    with pytest.raises(ET.ParseError):
        ET.fromstring(answer.content)


def test_flapping_alternates(simulator: Simulator) -> None:
    simulator.control(chaos="flap")
    assert [simulator.get().status_code for _ in range(6)] == [200, 500] * 3


def test_down_is_503_or_no_answer_for_some_requests_in_a_row(simulator: Simulator) -> None:
    def outcome() -> str:
        try:
            answer = simulator.get()
        except httpx.RemoteProtocolError:
            return "none"
        assert answer.headers.get("retry-after") == ("1" if answer.status_code == 503 else None)
        return str(answer.status_code)

    simulator.control(chaos="down")
    found = [outcome() for _ in range(40)]
    assert set(found) == {"503", "none"}
    assert all(len(set(found[start : start + 4])) == 1 for start in range(0, 40, 4))
    simulator.control(chaos="down", share=50)
    found = [outcome() for _ in range(80)]
    assert set(found) == {"200", "503", "none"}
    simulator.control(chaos="down")
    assert [outcome() for _ in range(80)] == found, "the same seed, the same fate"


def test_slow_drips(simulator: Simulator) -> None:
    simulator.control(chaos="slow")
    with simulator.client.stream("GET", "/events") as answer:
        size = int(answer.headers["content-length"])
        assert len(next(answer.iter_raw())) < size / 10
    simulator.control(chaos="")
    assert len(simulator.get().content) == size


def test_several_kinds_come_together_and_the_state_tells_which(simulator: Simulator) -> None:
    state = simulator.control(chaos="garbage,truncate", share=100, generation=4)
    assert state == {
        "generation": 4,
        "chaos": ["truncate", "garbage"],
        "share": 100,
        "requests": 0,
    }
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.get()
    state = simulator.client.get("/control").json()
    assert (state["requests"], state["generation"]) == (1, 4)


def test_what_control_does_not_know_it_refuses(simulator: Simulator) -> None:
    for query in ("chaos=fire", "generation=-1", "generation=x", "share=101", "frob=1"):
        answer = simulator.client.post(f"/control?{query}")
        assert answer.status_code == 400, query
    assert "slow, down" in simulator.client.post("/control?chaos=fire").text
    assert simulator.client.put("/control").status_code == 405
    assert simulator.client.delete("/events").status_code == 405
    assert simulator.client.get("/control").json()["chaos"] == []


def test_a_large_feed_is_never_held_whole() -> None:
    made = Simulator("--events", "4000", "--zones", "300")

    def peak() -> int:
        with open(f"/proc/{made.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

    before = peak()
    with made.client.stream("GET", "/events") as answer:
        size = int(answer.headers["content-length"])
        assert sum(len(piece) for piece in answer.iter_raw()) == size
    grown = peak() - before
    assert made.stop() == 0
    assert size > 90_000_000
    assert grown < 40_000_000


def test_wrong_options_are_told() -> None:
    for options in (["--chaos", "fire"], ["--format", "csv"], ["--events", "0"], ["--port", "x"]):
        done = subprocess.run(
            [BINARY, "provider-simulator", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 64, options
    done = subprocess.run(
        [BINARY, "provider-simulator", "--help"], capture_output=True, check=True, timeout=20
    )
    assert b"Examples:" in done.stdout
