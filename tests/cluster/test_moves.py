"""Shards move to a database that is added while two nodes serve, and back; nobody notices."""

import contextlib
import json
import os
import secrets
import subprocess
import urllib.parse
from collections.abc import Iterator

import psycopg
import pytest
from client import Api
from test_nodes import SHARDS, Load, ReadinessWatch, game_ids, owners, start
from troupe_server import SERVERS, Cluster, Server, until

TABLES = ("player", "player_game", "game_counter", "directory_name", "studio", "game", "staff")


@pytest.fixture(scope="module")
def third(cluster: Cluster) -> Iterator[str]:
    """The DSN of one more database, empty."""
    name = f"api_{secrets.token_hex(6)}"
    server = SERVERS["b"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    cluster.dsns["c"] = urllib.parse.urlsplit(server)._replace(path="/" + name).geturl()
    yield cluster.dsns["c"]
    with contextlib.suppress(psycopg.Error), psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture(scope="module")
def nodes(cluster: Cluster, world, third: str) -> Iterator[list[Server]]:
    """Two of them, with all shards."""
    assert world.players and third
    started = [start(cluster, name) for name in ("n1", "n2")]
    until(
        lambda: sum(len(owners(server)) for server in started) == SHARDS
        and all(owners(server) for server in started),
        "the shards are spread over two nodes",
    )
    yield started
    for server in started:
        assert server.stop() == 0, server.tail()


@pytest.fixture
def loads(nodes: list[Server]) -> Iterator[list[Load]]:
    """Readers and writers through both nodes; what they wrote is there at the end, once."""
    made = [Load(server, game_ids(server)).sign_up(20) for server in nodes]
    for load in made:
        load.start()
    yield made
    for load in made:
        if load.is_alive():
            load.finish()


def finish(loads: list[Load]) -> None:
    """No request failed, nearly none took long."""
    for load in loads:
        load.finish(at_least=100)
        assert not load.failures, load.failures[:3]
        assert load.p99() < 1
        gateway = Api(load.server.url)
        for player in load.players:
            answer = gateway.client.get(
                "/v1/players/me", headers={"Authorization": f"Bearer {player.access}"}
            )
            assert answer.status_code == 200, answer.text
        gateway.close()


def add(cluster: Cluster, name: str, dsn: str) -> None:
    cluster.command("databases", "add", name, "--dsn", dsn)


def listed(cluster: Cluster) -> dict[str, dict]:
    done = cluster.command("databases", "list", "--json")
    return {row["name"]: row for row in json.loads(done.stdout)}


def check_rows(cluster: Cluster, names: tuple[str, ...]) -> None:
    """Every row stands in its shard's home and nowhere else, and counters agree with the rows."""
    with cluster.connect("a") as control:
        homes = {
            (family, shard): database
            for family, shard, database in control.execute(
                "select family, shard_id, database from troupe.shard_home"
            )
        }
        assert control.execute("select count(*) from troupe.shard_move").fetchone() == (0,)
    counted, registered = 0, 0
    for name in names:
        with cluster.connect(name) as connection:
            for table, family in (
                ("player", "player"),
                ("player_game", "player"),
                ("game_counter", "player"),
                ("directory_name", "directory"),
                ("studio", "catalog"),
                ("game", "catalog"),
                ("staff", "catalog"),
            ):
                for (shard,) in connection.execute(f"select distinct shard_id from troupe.{table}"):
                    assert homes[family, shard] == name, (table, shard)
            for table in ("shard_fence", "operation", "job", "session"):
                for family, shard in connection.execute(
                    f"select distinct family, shard_id from troupe.{table}"
                ):
                    assert homes[family, shard] == name, (table, family, shard)
            counted += connection.execute(
                "select coalesce(sum(players), 0)::bigint from troupe.game_counter"
            ).fetchone()[0]
            registered += connection.execute("select count(*) from troupe.player_game").fetchone()[
                0
            ]
    assert counted == registered > 0


def test_an_added_database_gets_its_share_while_nodes_serve(
    cluster: Cluster, nodes: list[Server], third: str, loads: list[Load]
) -> None:
    add(cluster, "c", third)
    assert listed(cluster)["c"]["player"] == 0
    done = cluster.command("shards", "rebalance", "--json")
    finish(loads)
    report = json.loads(done.stdout)
    assert len(report["moved"]) == report["planned"] == 85 + 21 + 5
    found = listed(cluster)
    assert found["c"]["player"] == 85 and found["c"]["directory"] == 21
    assert found["c"]["provider"] == 5
    assert found["c"]["state"] == "active" and found["c"]["reachable"]
    check_rows(cluster, ("a", "b", "c"))
    # The nodes are asked one after the other, and shards may be on their way between them.
    until(
        lambda: sum(len(owners(server)) for server in nodes) == SHARDS, "every shard is owned once"
    )
    again = json.loads(cluster.command("shards", "rebalance", "--json").stdout)
    assert again["planned"] == 0


def test_a_mover_that_is_killed_is_gone_on_from(
    cluster: Cluster, nodes: list[Server], loads: list[Load]
) -> None:
    words = ("databases", "drain", "c")
    with subprocess.Popen(
        [*cluster.arguments({}), *words],
        env=cluster.environment(),
        cwd=cluster.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as first:
        for line in first.stderr:
            if line.startswith("5/"):
                break
        first.kill()
    assert listed(cluster)["c"]["state"] == "draining"
    cluster.command(*words)
    # But for a request for the shard that waited until the first mover was declared dead.
    finish(loads)
    assert "c" not in listed(cluster)
    check_rows(cluster, ("a", "b"))
    with cluster.connect("c") as connection:
        for table in (*TABLES, "shard_fence", "operation", "job", "session"):
            assert connection.execute(f"select count(*) from troupe.{table}").fetchone() == (0,)
    until(
        lambda: sum(len(owners(server)) for server in nodes) == SHARDS, "every shard is owned again"
    )


def test_one_of_two_nodes_stays_ready_while_the_other_is_replaced(
    cluster: Cluster, nodes: list[Server]
) -> None:
    watch = ReadinessWatch(nodes[0])
    watch.start()
    for _ in range(3):  # for moments it is linked with nobody
        assert nodes[1].stop() == 0, nodes[1].tail()
        nodes[1] = start(cluster, "n2")
    watch.finish()


def test_the_catalogue_moves_as_well(
    cluster: Cluster, nodes: list[Server], world, loads: list[Load]
) -> None:
    with cluster.connect("a") as control:
        (home,) = control.execute(
            "select database from troupe.shard_home where family = 'catalog'"
        ).fetchone()
    cluster.command("shards", "move", "catalog/0", "--to", "b" if home == "a" else "a")
    finish(loads)
    staff = world.of_role("studio")
    for server in nodes:
        gateway = Api(server.url)
        studio = gateway.log_in(staff.name, staff.password)
        made = studio.post("/v1/studios/me/games", json={"name": f"Game {os.urandom(6).hex()}"})
        assert made.status_code == 201, made.text
        assert studio.get(f"/v1/games/{made.json()['id']}").status_code == 200
        gateway.close()
    check_rows(cluster, ("a", "b"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("shards", "move", "player/1", "--to", "nowhere"), 65, "no database nowhere"),
        (("shards", "move", "player/999", "--to", "a"), 65, "no shard player/999"),
        (("shards", "move", "players/1", "--to", "a"), 64, "player/17"),
        (("databases", "drain", "nowhere"), 65, "no database nowhere"),
        (("databases", "add", "d"), 65, "--dsn"),
        (("databases", "add", "a", "--dsn", "postgresql://127.0.0.1/x"), 65, "already"),
        (("databases", "add", "d", "--dsn", "postgresql://127.0.0.1:1/x"), 69, "database d"),
    ],
)
def test_what_cannot_be_done_is_said(
    cluster: Cluster, words: tuple[str, ...], code: int, said: str
) -> None:
    done = cluster.command(*words, check=False)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_a_database_of_the_cluster_is_not_added_under_another_name(cluster: Cluster) -> None:
    done = cluster.command("databases", "add", "d", "--dsn", cluster.dsns["a"], check=False)
    assert done.returncode == 65
    assert "holds shards already" in done.stderr
    dry = cluster.command("databases", "drain", "b", "--dry-run")
    assert "would move" in dry.stdout
    assert listed(cluster)["b"]["state"] == "active"
