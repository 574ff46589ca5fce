"""Providers on three nodes: every gateway searches, and fetches go on when their node is gone."""

import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from client import Api, Session, fresh_name
from feed_server import FeedServer, event, feed
from test_nodes import balanced, prepare, start
from troupe_server import Cluster, Server, until

INTERVAL = 4  # seconds, longer than it takes to notice a dead node


@pytest.fixture(scope="module")
def nodes(cluster: Cluster, world) -> Iterator[list[Server]]:
    """Three of them that may fetch from this machine."""
    assert world.players
    started = [start(cluster, name, providers__allow_private="true") for name in ("n1", "n2", "n3")]
    until(lambda: balanced(started), "the shards are spread over three nodes")
    yield started
    for server in started:
        if server.alive():
            assert server.stop() == 0, server.tail()


@pytest.fixture(scope="module")
def operator(nodes: list[Server], world) -> Iterator[Session]:
    """Who adds providers."""
    gateway = Api(nodes[0].url)
    admin = world.of_role("operator")
    yield gateway.log_in(admin.name, admin.password)
    gateway.close()


def titles(server: Server) -> list[str]:
    """What a gateway's search shows."""
    found = httpx.get(server.url + "/search", timeout=10)
    assert found.status_code == 200, found.text
    return [one["title"] for one in found.json()["data"]["events"]]


def add(operator: Session, provider: FeedServer, **more: object) -> str:
    """Adds a provider that is fetched when it is asked for; its path."""
    body = {"name": fresh_name("Provider"), "url": provider.url, "paused": True, **more}
    added = operator.post("/v1/providers", json=body)
    assert added.status_code == 201, added.text
    return f"/v1/providers/{added.json()['id']}"


def test_a_change_is_searchable_on_every_node_within_a_second(
    nodes: list[Server], operator: Session
) -> None:
    provider = FeedServer(feed(event("1", "1", "0")))
    path = add(operator, provider)
    took = []
    for turn in range(10):
        provider.body = feed(event("1", "1", str(turn)))
        report = operator.post(path + "/fetch")
        assert report.status_code == 200, report.text
        committed = time.monotonic()
        for server in nodes:
            until(
                lambda server=server, turn=turn: titles(server) == [str(turn)],
                "it is searchable",
                seconds=5,
            )
        took.append(time.monotonic() - committed)
    print("seconds from the end of the fetch until every node shows it:", took)
    assert sorted(took)[len(took) // 2] < 1, took
    assert operator.delete(path).status_code == 204
    provider.stop()


def test_a_gateway_opens_when_its_index_is_loaded_and_not_before(
    cluster: Cluster, nodes: list[Server], operator: Session
) -> None:
    provider = FeedServer(feed(event("1", "1", "There")))
    path = add(operator, provider)
    assert operator.post(path + "/fetch").status_code == 200
    with cluster.connect("a") as control:
        (home,) = control.execute(
            "select database from troupe.shard_home where family = 'catalog'"
        ).fetchone()
    # The other database has events too, and nothing else that a gateway has to load.
    other = next(dsn for name, dsn in cluster.dsns.items() if name != home)
    with psycopg.connect(other) as blocking:
        blocking.execute("lock table troupe.event in access exclusive mode")
        server = prepare(cluster, "g1", cluster__roles="gateway")
        opening = threading.Thread(target=server.start)
        opening.start()
        server.admin_url = until(
            lambda: server.log.exists()
            and next(
                (line["admin_url"] for line in server.log_lines() if "admin_url" in line), None
            ),
            "its operations port is open",
        )

        def not_ready() -> list[str]:
            answer = server.operations("/readyz?verbose")
            assert answer.status_code == 503
            return [line for line in answer.text.splitlines() if line.startswith("[-]")]

        until(
            lambda: (lines := not_ready())
            and all("events" in line or "port" in line for line in lines)
            and lines,
            "it waits for nothing but the events",
        )
        for _ in range(100):  # it looks every 10 ms whether it may open
            assert not_ready() and not server.ready_file.exists()
        assert all(titles(other) == ["There"] for other in nodes)  # those who have it go on
    opening.join()
    assert titles(server) == ["There"]
    assert server.stop() == 0, server.tail()
    assert operator.delete(path).status_code == 204
    provider.stop()


def test_fetches_outlive_their_node(nodes: list[Server], operator: Session) -> None:
    provider = FeedServer(feed(event("1", "1", "First")))
    path = add(operator, provider, paused=False, interval_s=INTERVAL)
    for server in nodes:
        until(lambda server=server: titles(server) == ["First"], "it is searchable", seconds=5)

    # Whoever has its shard is killed; its log tells.
    def fetched(server: Server) -> bool:
        return any(
            (line["event"], line.get("provider")) == ("fetched", path.rsplit("/", 1)[1])
            for line in server.log_lines()
        )

    until(lambda: any(fetched(server) for server in nodes), "a node tells of its fetch")
    owner = next(server for server in nodes if fetched(server))
    provider.body = feed(event("1", "1", "Second"))
    seen = len(provider.requests)
    began = time.monotonic()
    owner.kill()
    others = [server for server in nodes if server is not owner]
    for server in others:
        assert titles(server) in (["First"], ["Second"])  # the search does not mind
    for server in others:
        until(
            lambda server=server: titles(server) == ["Second"], "it was fetched again", seconds=20
        )
    took = time.monotonic() - began
    assert took < INTERVAL + 6  # at its time, or when somebody had its shard again
    # One after the other: none is doubled within an interval, but for one that the dead node had begun.
    until(lambda: len(provider.requests) >= seen + 3, "it goes on", seconds=5 * INTERVAL)
    times = provider.times[seen + 1 :]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert all(gap > INTERVAL * 0.5 for gap in gaps), gaps
    provider.stop()
