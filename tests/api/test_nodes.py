"""Three nodes, linked by TLS: one owner per shard, every gateway answers for all of them."""

import collections
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from client import Api
from troupe_server import Cluster, Server, until

LEASE = {"cluster__lease": "2s"}


def certify(cluster: Cluster, node: str) -> dict[str, str]:
    """Settings for links of a node, with a certificate of its own."""
    folder = cluster.folder / "certificates"
    if not folder.exists():
        cluster.command("certs", "ca", "--out", str(folder))
    if not (folder / f"{node}.crt").exists():
        cluster.command("certs", "node", node, "--out", str(folder), "--ip", "127.0.0.1")
    return {
        "links__mode": "tls",
        "links__certificate_file": str(folder / f"{node}.crt"),
        "links__key_file": str(folder / f"{node}.key"),
        "links__authority_file": str(folder / "ca.crt"),
    }


def start(cluster: Cluster, node: str, **more: str) -> Server:
    """A node of the cluster."""
    return cluster.serve(cluster__node=node, **certify(cluster, node), **LEASE, **more)


def owners(server: Server) -> dict[tuple[str, int], str]:
    """The shards this node serves."""
    shards = server.operations("/shards").json()["shards"]
    return {(one["family"], one["shard"]) for one in shards if one["state"] == "active"}


def balanced(servers: list[Server]) -> bool:
    """Whether every shard has one owner, and nobody has nearly all or nearly none."""
    held = [owners(server) for server in servers]
    total = sum(len(one) for one in held)
    return total == len(set().union(*held)) == 321 and all(
        total / len(held) * 0.5 < len(one) < total / len(held) * 1.6 for one in held
    )


@pytest.fixture(scope="module")
def nodes(cluster: Cluster, world) -> Iterator[list[Server]]:
    """Three of them, with their shards spread."""
    assert world.players
    started = [start(cluster, name) for name in ("n1", "n2", "n3")]
    until(lambda: balanced(started), "the shards are spread over three nodes")
    yield started
    for server in started:
        assert server.stop() == 0, server.tail()


def test_every_node_answers_for_every_player(nodes: list[Server]) -> None:
    gateways = [Api(server.url) for server in nodes]
    players = [gateways[i % 3].sign_up() for i in range(30)]
    for player in players:
        for gateway in gateways:
            answer = gateway.client.get(
                f"/v1/players/{player.id}", headers={"Authorization": f"Bearer {player.access}"}
            )
            assert answer.status_code == 200, answer.text
            assert answer.json()["id"] == player.id
    for gateway in gateways:
        gateway.close()
    sent = [server.metric("troupe_remote_requests_total", result="sent") for server in nodes]
    assert all(count > 0 for count in sent), sent


def test_a_new_game_is_seen_where_it_was_made(nodes: list[Server], world) -> None:
    staff = world.of_role("studio")
    for server in nodes:
        gateway = Api(server.url)
        studio = gateway.log_in(staff.name, staff.password)
        made = studio.post("/v1/studios/me/games", json={"name": f"Game {time.monotonic_ns()}"})
        assert made.status_code == 201, made.text
        assert studio.get(f"/v1/games/{made.json()['id']}").status_code == 200
        gateway.close()


class Load(threading.Thread):
    """Reads and writes through one node, one request after the other, until it is told to end."""

    def __init__(self, server: Server, games: list[str]) -> None:
        super().__init__()
        self.server = server
        self.games = games
        self.players = []
        self.ending = threading.Event()
        self.codes = collections.Counter()
        self.failures = []
        self.slowest = 0.0

    def sign_up(self, count: int) -> "Load":
        """Before the start."""
        gateway = Api(self.server.url)
        self.players = [gateway.sign_up() for _ in range(count)]
        gateway.close()
        return self

    def run(self) -> None:
        with httpx.Client(base_url=self.server.url, timeout=20) as client:
            turn = 0
            while not self.ending.is_set():
                player = self.players[turn % len(self.players)]
                game = self.games[(turn // len(self.players)) % len(self.games)]
                headers = {"Authorization": f"Bearer {player.access}"}
                began = time.monotonic()
                if turn % 2:
                    answer = client.put(f"/v1/players/me/games/{game}", headers=headers)
                else:
                    answer = client.get("/v1/players/me", headers=headers)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.codes[answer.status_code] += 1
                if answer.status_code >= 300:
                    self.failures.append(answer.text)
                turn += 1

    def finish(self) -> None:
        """Ends it."""
        self.ending.set()
        self.join()


def game_ids(server: Server) -> list[str]:
    gateway = Api(server.url)
    player = gateway.sign_up()
    items = player.get("/v1/games?limit=10").json()["items"]
    gateway.close()
    return [item["id"] for item in items]


def test_a_node_that_ends_hands_its_shards_over_without_a_failed_request(
    cluster: Cluster, nodes: list[Server]
) -> None:
    loads = [Load(server, game_ids(server)).sign_up(20) for server in nodes[:2]]
    for load in loads:
        load.start()
    assert nodes[2].stop() == 0
    until(lambda: balanced(nodes[:2]), "two nodes have the shards of the third")
    nodes[2] = start(cluster, "n3")
    until(lambda: balanced(nodes), "the third has its shards again")
    for load in loads:
        load.finish()
        assert not load.failures, load.failures[:3]
        assert sum(load.codes.values()) > 100
        assert load.slowest < 2


def test_the_shards_of_a_node_that_is_killed_serve_again(
    cluster: Cluster, nodes: list[Server]
) -> None:
    loads = [Load(server, game_ids(server)).sign_up(20) for server in nodes[:2]]
    for load in loads:
        load.start()
    began = time.monotonic()
    nodes[2].kill()
    until(lambda: balanced(nodes[:2]), "two nodes have the shards of the dead one")
    took = time.monotonic() - began
    for load in loads:
        load.finish()
        assert not load.failures, load.failures[:3]
        assert load.slowest < 4.5
    assert took < 6
    nodes[2] = start(cluster, "n3")
    until(lambda: balanced(nodes), "the third has its shards again")
