"""A node among others: seen from the control database, out of its reach, declared dead."""

import json

import psycopg
from client import Api, key, problem
from troupe_server import Cluster, World, until

QUICK = {
    "cluster__node": "one",
    "cluster__renew_interval": "100ms",
    "cluster__lease": "1s",
    "cluster__death_margin": "200ms",
}


def members(cluster: Cluster, *words: str) -> list[dict]:
    """What `troupe nodes` says."""
    return json.loads(cluster.command("nodes", "--json", *words).stdout)


def test_a_node_is_seen_while_it_lives_and_after_it_left(cluster: Cluster, world: World) -> None:
    assert world.players  # generated before the first server runs
    server = cluster.serve(**QUICK)
    shown = server.operations("/nodes").json()
    until(
        lambda: [m["state"] for m in server.operations("/nodes").json()["nodes"]] == ["active"],
        "the node is active",
    )
    listed = members(cluster)
    assert [(m["node"], m["state"], m["incarnation"]) for m in listed] == [
        ("one", "active", shown["self"])
    ]
    assert "active" in cluster.command("nodes").stdout
    shards = json.loads(cluster.command("shards", "list", "--json").stdout)
    assert {(s["node"], s["owner"]) for s in shards} == {("one", shown["self"])}
    assert {s["database"] for s in shards if s["family"] == "player"} == {"a", "b"}
    served = {
        (s["family"], s["shard"]): s["epoch"] for s in server.operations("/shards").json()["shards"]
    }
    assert {(s["family"], s["shard"]): s["epoch"] for s in shards} == served
    players = cluster.command("shards", "list", "--family", "player", "--each").stdout
    assert len(players.splitlines()) == 1 + sum(s["family"] == "player" for s in shards)
    assert server.stop() == 0
    assert {s["node"] for s in json.loads(cluster.command("shards", "list", "--json").stdout)} == {
        "-"
    }
    assert members(cluster) == []
    ended = members(cluster, "--all")
    assert [(m["state"], m["why"]) for m in ended] == [("left", "stopped")]


def test_a_node_that_was_killed_is_declared_dead_by_the_next(cluster: Cluster) -> None:
    server = cluster.serve(**QUICK)
    first = server.operations("/nodes").json()["self"]
    server.kill()
    server.restart()
    second = server.operations("/nodes").json()["self"]
    assert second != first
    until(lambda: [m["incarnation"] for m in members(cluster)] == [second], "the first is gone")
    dead = next(m for m in members(cluster, "--all") if m["incarnation"] == first)
    assert dead["state"] == "dead"
    until(
        lambda: server.metric("troupe_membership_deaths_declared_total") == 1,
        "the death is counted",
    )
    assert server.stop() == 0


def test_a_node_that_was_declared_dead_ends_with_75(cluster: Cluster) -> None:
    server = cluster.serve(**QUICK)
    with cluster.connect("a") as control:
        control.execute(
            "update troupe.member set state = 'dead', ended_at = now() where ended_at is null"
        )
    assert server.wait() == 75, server.tail()
    assert [line for line in server.log_lines() if line["event"] == "declared_dead_by_others"]


def test_without_renewals_memory_is_silent_and_writes_go_on(cluster: Cluster, world: World) -> None:
    server = cluster.serve(**QUICK)
    api, publisher = Api(server.url), world.of_role("publisher")
    session = api.sign_up()
    games = api.log_in(publisher.name, publisher.password).walk("/v1/games", limit=100)
    assert session.get("/v1/players/me").status_code == 200
    with psycopg.connect(cluster.dsns["a"]) as blocking:
        blocking.execute("lock table troupe.member in access exclusive mode")
        until(
            lambda: session.get("/v1/players/me").status_code == 503, "the lease ends", pause=0.05
        )
        problem(session.get("/v1/players/me"), 503, "shard-unavailable")
        assert server.operations("/readyz").status_code == 503
        put = session.put(f"/v1/players/me/games/{games[0]['id']}", headers=key())
        assert put.status_code == 201, put.text
        blocking.rollback()
    until(lambda: session.get("/v1/players/me").status_code == 200, "it renews again")
    assert server.operations("/readyz").status_code == 200
    assert len(session.walk("/v1/players/me/games")) == 1
    assert server.stop() == 0
