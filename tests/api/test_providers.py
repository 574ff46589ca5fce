"""Providers of events: what their answers do to the search, and what operators see of them."""

import gzip
import pathlib
import random
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from client import NOBODY, Api, Session, fresh_name, key, pointers, problem
from feed_server import FeedServer, event, feed
from troupe_server import Cluster, Server, World, until

DATA = pathlib.Path(__file__).parent.parent / "data" / "events"


@pytest.fixture(scope="module")
def server(cluster: Cluster, world: World) -> Iterator[Server]:
    """One that may fetch from this machine."""
    assert world.players
    running = cluster.serve(
        providers__allow_private="true", providers__poll="200ms", http__request_timeout="3s"
    )
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture
def provider() -> Iterator[FeedServer]:
    """A provider of the test's own."""
    made = FeedServer()
    yield made
    made.stop()


def add(operator: Session, provider: FeedServer, **more: object) -> dict:
    """Adds it; fetched only when the test says so."""
    body = {"name": fresh_name("Provider"), "url": provider.url, "paused": True, **more}
    answer = operator.post("/v1/providers", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/providers/{answer.json()['id']}"
    return answer.json()


def fetch(operator: Session, added: dict) -> dict:
    """A fetch that has to end."""
    answer = operator.post(f"/v1/providers/{added['id']}/fetch")
    assert answer.status_code == 200, answer.text
    return answer.json()


def search(api: Api, added: dict, **query: str) -> list[dict]:
    """What the search shows of this provider."""
    parameters = {"provider": added["id"], "limit": "100", **query}
    answer = api.client.get("/v1/events/search", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["events"]


def shows(api: Api, added: dict, titles: list[str], **query: str) -> list[dict]:
    """Waits until the search shows events of these titles, in order."""
    return until(
        lambda: (found := search(api, added, **query)) is not None
        and [one["title"] for one in found] == titles
        and (found or [{}]),
        f"the search shows {titles}",
        seconds=5,
    )


def test_the_real_answers_are_understood(api: Api, operator: Session, provider: FeedServer) -> None:
    provider.body = (DATA / "eventList_response_1.xml").read_bytes()
    added = add(operator, provider, time_zone="Europe/Madrid")
    report = fetch(operator, added)
    assert (report["events"], report["changed"], report["failure"]) == (3, 3, None)
    assert report["format"] == "eventList"
    found = shows(api, added, ["Pantomima Full", "Camela en concierto", "Los Morancos"])
    camela = found[1]
    assert camela["start_date"] == "2021-06-30" and camela["start_time"] == "21:00:00"
    assert (camela["min_price"], camela["max_price"]) == (15, 30)

    provider.body = (DATA / "planList_response_1_excerpt.xml").read_bytes()
    report = fetch(operator, added)
    assert report["format"] == "planList"
    assert report["events"] == 3


def test_three_answers_tell_a_story(api: Api, operator: Session, provider: FeedServer) -> None:
    added = add(operator, provider)
    provider.body = feed(
        event("1", "1", "Stays", starts="2021-01-01T20:00:00", ends="2021-01-01T21:00:00"),
        event("2", "1", "Leaves", starts="2021-01-02T20:00:00", ends="2021-01-02T21:00:00"),
        event(
            "3",
            "1",
            "Later",
            mode="offline",
            starts="2021-01-03T20:00:00",
            ends="2021-01-03T21:00:00",
        ),
        event("4", "1", "Bad date", starts="2021-09-31T20:00:00", ends="2021-09-31T21:00:00"),
    )
    report = fetch(operator, added)
    assert (report["events"], report["rejected"], report["changed"]) == (3, 1, 3)
    first = shows(api, added, ["Stays", "Leaves"])
    rejects = operator.get(f"/v1/providers/{added['id']}/rejects").json()["items"]
    assert [one["base_id"] for one in rejects] == ["4"]
    assert "2021-09-31" in rejects[0]["reason"]

    # One leaves the feed, one changes its price and time, one is on sale now.
    provider.body = feed(
        event(
            "1",
            "1",
            "Stays",
            starts="2021-01-01T20:30:00",
            ends="2021-01-01T21:00:00",
            zones=(("40", 0, "99.50"), ("38", 10, "7.5")),
        ),
        event("3", "1", "Later", starts="2021-01-03T20:00:00", ends="2021-01-03T21:00:00"),
    )
    report = fetch(operator, added)
    assert report["changed"] == 3
    second = shows(api, added, ["Stays", "Leaves", "Later"])
    assert second[0]["start_time"] == "20:30:00"
    assert (second[0]["min_price"], second[0]["max_price"]) == (7.5, 99.5)
    assert second[1] == first[1]

    # It goes offline and stays searchable; an answer without news changes nothing.
    provider.body = feed(
        event(
            "3",
            "1",
            "Later",
            mode="offline",
            starts="2021-01-03T20:00:00",
            ends="2021-01-03T21:00:00",
        ),
    )
    assert fetch(operator, added)["changed"] == 2
    assert fetch(operator, added)["changed"] == 0
    third = shows(api, added, ["Stays", "Leaves", "Later"])
    assert [one["id"] for one in third] == [one["id"] for one in second]
    history = api.client.get(f"/v1/events/{third[2]['id']}/history").json()["items"]
    assert [one["changed"] for one in history] == [["online"], ["online"], ["new"]]
    assert [one["online"] for one in history] == [False, True, False]


def test_the_same_ids_of_another_base_event_are_another_event(
    api: Api, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(
        event("1", "7", "One", starts="2021-01-01T20:00:00"),
        event("2", "7", "Other", starts="2021-01-02T20:00:00"),
    )
    added = add(operator, provider)
    assert fetch(operator, added)["changed"] == 2
    assert len({one["id"] for one in shows(api, added, ["One", "Other"])}) == 2


def test_an_unchanged_answer_is_not_sent_again(operator: Session, provider: FeedServer) -> None:
    provider.body = feed(event("1", "1"))
    provider.etag = '"1"'
    added = add(operator, provider)
    assert fetch(operator, added)["not_modified"] is False
    report = fetch(operator, added)
    assert report["not_modified"] is True and report["failure"] is None
    assert report["events"] == 1
    assert provider.requests[-1]["If-None-Match"] == '"1"'


def test_the_same_answer_again_writes_nothing_but_the_fetchs_own_record(
    cluster: Cluster, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(*(event(str(number), "1", f"Event {number}") for number in range(300)))
    added = add(operator, provider)

    def written() -> dict[str, tuple]:
        tables = ("event", "event_zones", "event_change", "provider_answer", "provider_progress")
        found = {}
        for table in (*tables, "operation"):
            rows = []
            for name in ("a", "b"):
                with cluster.connect(name) as connection:
                    # the transaction that wrote a row names its last write
                    rows += connection.execute(
                        f"select count(*), coalesce(sum(xmin::text::bigint), 0) from troupe.{table}"
                        + (" where family = 'provider'" if table == "operation" else "")
                    ).fetchall()
            found[table] = rows
        return found

    assert fetch(operator, added)["changed"] == 300
    before = written()
    report = fetch(operator, added)
    assert (report["events"], report["changed"], report["not_modified"]) == (300, 0, False)
    after = written()
    for table in ("event", "event_zones", "event_change", "provider_answer"):
        assert after[table] == before[table], table
    assert after["provider_progress"] != before["provider_progress"]
    operations = [sum(row[0] for row in seen["operation"]) for seen in (before, after)]
    assert operations[1] == operations[0] + 1


def test_a_provider_that_misbehaves_is_visible_and_loses_nothing(
    api: Api, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(event("1", "1", "Known"))
    added = add(operator, provider)
    fetch(operator, added)
    shows(api, added, ["Known"])

    def lies(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(feed()[:30])

    def breaks(handler) -> None:
        handler.send_response(500)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def garbles(handler) -> None:
        body = b'<!DOCTYPE a [<!ENTITY b "c">]><eventList>&b;</eventList>'
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    for misbehave, kind in ((lies, "truncated"), (breaks, "http_status"), (garbles, "feed")):
        provider.misbehave = misbehave
        report = fetch(operator, added)
        assert report["failure"] == kind, report
        seen = operator.get(f"/v1/providers/{added['id']}").json()["fetch"]
        assert seen["failure"] == kind and seen["events"] == 1
    assert seen["failures"] == 3
    shows(api, added, ["Known"])
    provider.misbehave = None
    report = fetch(operator, added)
    assert (report["failure"], report["failures"]) == (None, 0)


def test_the_last_whole_answer_can_be_downloaded(
    cluster: Cluster,
    server: Server,
    api: Api,
    operator: Session,
    player: Session,
    world: World,
    provider: FeedServer,
) -> None:
    chosen = random.Random(3)
    noise = (f"<!--{chosen.randbytes(10_000).hex()}-->" for _ in range(60))
    provider.body = feed(event("1", "1", "Large"), *noise)  # of several pieces when packed
    added = add(operator, provider)
    path = f"/v1/providers/{added['id']}/answer"
    problem(operator.get(path), 404, "not-found")
    assert fetch(operator, added)["failure"] is None

    def download() -> bytes:
        got, target = b"", path
        while target:
            answer = operator.get(target)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/gzip"
            assert "content-encoding" not in answer.headers  # it is packed in itself
            assert len(answer.content) <= 256 * 1024
            got += answer.content
            target = answer.links.get("next", {}).get("url")
        return gzip.decompress(got)

    assert download() == provider.body
    problem(operator.get(path, params={"piece": "99"}), 404, "not-found")
    assert pointers(operator.get(path, params={"piece": "-1"})) == {"piece"}
    problem(player.get(path), 403, "forbidden")
    admin = world.of_role("operator")
    words = ("providers", "--url", server.url, "--username", admin.name, "answer", added["id"])
    done = subprocess.run(
        [*cluster.arguments({}), *words],
        env={**cluster.environment(), "TROUPE_API_PASSWORD": admin.password},
        cwd=cluster.folder,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    assert gzip.decompress(done.stdout) == provider.body
    # One that cannot be read is not kept, a smaller one takes the place of all pieces.
    provider.body = provider.body[:1000]
    assert fetch(operator, added)["failure"]
    assert len(download()) > 500_000
    provider.body = feed(event("1", "1", "Small"))
    fetch(operator, added)
    assert download() == provider.body
    assert len(operator.get(path).links) == 0
    shows(api, added, ["Small"])


def test_a_provider_that_hangs_is_reported_and_holds_nobody_up(
    api: Api, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(event("1", "1", "Known"))
    added = add(operator, provider)
    fetch(operator, added)
    shows(api, added, ["Known"])
    over = threading.Event()
    provider.misbehave = lambda handler: over.wait(30)
    try:
        answer = operator.post(f"/v1/providers/{added['id']}/fetch")
        assert answer.status_code == 202, answer.text
        assert answer.json()["running"] is True
        for _ in range(50):
            assert [one["title"] for one in search(api, added)] == ["Known"]
        assert operator.get(f"/v1/providers/{added['id']}").json()["fetch"]["running"] is True
    finally:
        over.set()
    seen = until(
        lambda: not (now := operator.get(f"/v1/providers/{added['id']}").json()["fetch"])["running"]
        and now,
        "the fetch has ended",
    )
    assert seen["failure"] and seen["events"] == 1


def test_it_is_fetched_by_itself_at_its_interval(
    api: Api, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(event("1", "1", "First"))
    added = add(operator, provider, paused=False, interval_s=1)
    shows(api, added, ["First"])
    provider.body = feed(event("1", "1", "Second"))
    shows(api, added, ["Second"])
    path = f"/v1/providers/{added['id']}"
    assert operator.patch(path, json={"paused": True}).json()["paused"] is True
    assert operator.delete(path).status_code == 204
    shows(api, added, [])
    problem(operator.get(path), 404, "no-such-provider")


def test_times_are_those_of_the_providers_zone(
    api: Api, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(event("1", "1", "Late", starts="2021-06-30T21:00:00"))
    added = add(operator, provider, time_zone="America/New_York")
    fetch(operator, added)
    found = shows(api, added, ["Late"])
    assert (found[0]["start_date"], found[0]["start_time"]) == ("2021-06-30", "21:00:00")
    shows(api, added, ["Late"], starts_at="2021-07-01T01:00:00Z")
    shows(api, added, [], starts_at="2021-07-01T01:00:01Z")


def test_a_providers_fields_are_checked(operator: Session, provider: FeedServer) -> None:
    good = {"name": "A provider", "url": provider.url}
    for wrong, pointer in (
        ({"url": "ftp://example.org/events"}, "/url"),
        ({"url": "http://user:secret@example.org/"}, "/url"),
        ({"format": "other"}, "/format"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"interval_s": 0}, "/interval_s"),
        ({"name": ""}, "/name"),
    ):
        assert pointers(operator.post("/v1/providers", json={**good, **wrong})) == {pointer}
    problem(operator.get(f"/v1/providers/{NOBODY}"), 404, "no-such-provider")
    problem(operator.post(f"/v1/providers/{NOBODY}/fetch"), 404, "no-such-provider")


def test_providers_are_for_operators(player: Session, publisher: Session, api: Api) -> None:
    for session in (player, publisher):
        problem(session.get("/v1/providers"), 403, "forbidden")
    problem(api.client.get("/v1/providers"), 401, "missing-token")


def test_a_repeated_request_makes_one_provider(operator: Session, provider: FeedServer) -> None:
    body = {"name": fresh_name("Once"), "url": provider.url, "paused": True}
    headers = key()
    first = operator.post("/v1/providers", json=body, headers=headers)
    again = operator.post("/v1/providers", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    listed = [one["name"] for one in operator.walk("/v1/providers", limit=3)]
    assert listed.count(body["name"]) == 1


def test_providers_and_events_outlive_a_crash(
    server: Server, api: Api, operator: Session, provider: FeedServer
) -> None:
    provider.body = feed(event("1", "1", "Durable"))
    provider.etag = '"1"'
    added = add(operator, provider)
    fetch(operator, added)
    before = shows(api, added, ["Durable"])
    server.kill()
    server.restart()
    api.client.base_url = server.url
    assert shows(api, added, ["Durable"]) == before
    seen = operator.get(f"/v1/providers/{added['id']}").json()
    assert seen["fetch"]["succeeded_at"] and seen["fetch"]["events"] == 1
    # How old its events are is told before a fetch of the new process has succeeded.
    provider.misbehave = lambda handler: handler.send_error(500)
    assert fetch(operator, added)["failure"] == "http_status"
    succeeded = server.metric("troupe_provider_success_timestamp_seconds", provider=added["name"])
    assert 0 < time.time() - succeeded < 300
    provider.misbehave = None
    assert fetch(operator, added)["not_modified"] is True
