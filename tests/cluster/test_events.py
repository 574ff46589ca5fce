"""Providers on three nodes: every gateway searches, and fetches go on when their node is gone."""

import time
from collections.abc import Iterator

import httpx
import pytest
from client import Api
from feed_server import FeedServer, event, feed
from test_nodes import balanced, start
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


def titles(server: Server) -> list[str]:
    """What a gateway's search shows."""
    found = httpx.get(server.url + "/search", timeout=10)
    assert found.status_code == 200, found.text
    return [one["title"] for one in found.json()["data"]["events"]]


def test_a_change_is_searchable_on_every_node_and_fetches_outlive_their_node(
    nodes: list[Server], world
) -> None:
    provider = FeedServer(feed(event("1", "1", "First")))
    gateway = Api(nodes[0].url)
    admin = world.of_role("operator")
    operator = gateway.log_in(admin.name, admin.password)
    body = {"name": "Failing over", "url": provider.url, "interval_s": INTERVAL}
    added = operator.post("/v1/providers", json=body)
    assert added.status_code == 201, added.text
    for server in nodes:
        until(lambda server=server: titles(server) == ["First"], "it is searchable", seconds=5)

    # Whoever has its shard is killed; its log tells.
    def fetched(server: Server) -> bool:
        return any(
            (line["component"], line["event"]) == ("provider", "fetched")
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
    assert all(gap > INTERVAL * 0.8 for gap in gaps), gaps
    gateway.close()
    provider.stop()
