"""Three nodes, linked by TLS: one owner per shard, every gateway answers for all of them."""

import collections
import contextlib
import os
import secrets
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from client import Api, Session
from troupe_server import Cluster, Server, until

LEASE = {"cluster__lease": "2s"}
SHARDS = 64 + 256 + 1 + 16  # of all families


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


def prepare(cluster: Cluster, node: str, **more: str) -> Server:
    """A node of the cluster that is not started yet."""
    return cluster.prepare(cluster__node=node, **certify(cluster, node), **LEASE, **more)


def start(cluster: Cluster, node: str, **more: str) -> Server:
    """A node of the cluster."""
    return prepare(cluster, node, **more).start()


def owners(server: Server) -> dict[tuple[str, int], str]:
    """The shards this node serves."""
    shards = server.operations("/shards").json()["shards"]
    return {(one["family"], one["shard"]) for one in shards if one["state"] == "active"}


def balanced(servers: list[Server]) -> bool:
    """Whether every shard has one owner, and nobody has nearly all or nearly none."""
    held = [owners(server) for server in servers]
    total = sum(len(one) for one in held)
    return total == len(set().union(*held)) == SHARDS and all(
        total / len(held) * 0.5 < len(one) < total / len(held) * 1.6 for one in held
    )


@pytest.fixture(scope="module")
def nodes(cluster: Cluster, world) -> Iterator[list[Server]]:
    """Three of them, with their shards spread."""
    assert world.players
    started = [start(cluster, "n1")]
    watch = ReadinessWatch(started[0])
    watch.start()
    started += [start(cluster, name) for name in ("n2", "n3")]
    until(lambda: balanced(started), "the shards are spread over three nodes")
    watch.finish()  # it was ready all the time, also when the others had joined but were not linked
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
    for server in nodes:
        until(
            lambda server=server: server.metric("troupe_remote_requests_total", result="sent") > 0,
            "requests for the others' shards are counted",
        )


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
        self.seconds = []

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
                self.seconds.append(time.monotonic() - began)
                self.codes[answer.status_code] += 1
                if answer.status_code >= 300:
                    self.failures.append(answer.text)
                turn += 1

    def finish(self, at_least: int = 1) -> None:
        """Ends it, but not before so many requests were answered: what happened meanwhile may have been quick."""
        until(lambda: sum(self.codes.values()) >= at_least, f"{at_least} requests were answered")
        self.ending.set()
        self.join()

    def p99(self) -> float:
        """Seconds that 99 of 100 requests took at most; of few, all but the slowest."""
        return sorted(self.seconds)[int((len(self.seconds) - 1) * 0.99)]


class ReadinessWatch(threading.Thread):
    """Asks a node again and again whether it is ready, until it is told to end."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.address = server.admin_url + "/readyz?verbose"
        self.ending = threading.Event()
        self.ready = 0
        self.refusals = []

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.ending.wait(0.002):
                answer = client.get(self.address)
                if answer.status_code == 200:
                    self.ready += 1
                else:
                    self.refusals.append(answer.text)

    def finish(self) -> None:
        """Ends it; it was ready whenever it was asked."""
        until(lambda: self.ready >= 20, "it was asked often")
        self.ending.set()
        self.join()
        assert not self.refusals, self.refusals[0]


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
        load.finish(at_least=100)
        assert not load.failures, load.failures[:3]
        assert load.p99() < 1


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
    assert took < 6
    nodes[2] = start(cluster, "n3")
    until(lambda: balanced(nodes), "the third has its shards again")


def test_nodes_stay_ready_while_shards_are_without_an_owner(
    cluster: Cluster, nodes: list[Server]
) -> None:
    watches = [ReadinessWatch(server) for server in nodes[:2]]
    for watch in watches:
        watch.start()
    shard = next(shard for family, shard in owners(nodes[2]) if family == "player")
    with contextlib.ExitStack() as held:
        for dsn in cluster.dsns.values():  # in one of them is its fence, which nobody can take now
            held.enter_context(psycopg.connect(dsn)).execute(
                "select from troupe.shard_fence where family = 'player' and shard_id = %s for update",
                (shard,),
            )
        nodes[2].kill()
        for server in nodes[:2]:
            until(
                lambda server=server: "[!] shards" in server.operations("/readyz?verbose").text,
                "shards of the dead one are missed",
            )
    until(lambda: balanced(nodes[:2]), "two nodes have the shards of the dead one")
    nodes[2] = start(cluster, "n3")
    watches.append(ReadinessWatch(nodes[2]))  # a node that joins has yet to get its shards
    watches[2].start()
    until(lambda: balanced(nodes), "the third has its shards again")
    for watch in watches:
        watch.finish()


def resident_mib(server: Server) -> float:
    """Memory of the process."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_a_node_that_sleeps_longer_than_its_lease_ends_and_answers_nothing_stale(
    cluster: Cluster, nodes: list[Server]
) -> None:
    games = game_ids(nodes[0])
    loads = [Load(server, games).sign_up(20) for server in nodes[:2]]
    gateway = Api(nodes[2].url)
    player, *more = [gateway.sign_up() for _ in range(20)]
    before = [resident_mib(server) for server in nodes[:2]]
    nodes[2].process.send_signal(signal.SIGSTOP)
    for load in loads:
        load.start()
    until(lambda: balanced(nodes[:2]), "two nodes have the shards of the sleeper")
    elsewhere = Api(nodes[0].url)
    changed = elsewhere.client.patch(
        "/v1/players/me",
        json={"name": player.name + "-changed"},
        headers={"Authorization": f"Bearer {player.access}"},
    )
    assert changed.status_code == 200, changed.text
    for load in loads:
        load.finish()
        assert not load.failures, load.failures[:3]
    assert all(resident_mib(server) < start + 64 for server, start in zip(nodes, before))
    # What it was asked while it slept it must not answer from what it remembers, nor keep waiting.
    codes = []

    def ask(who: Session) -> None:
        with httpx.Client(base_url=nodes[2].url, timeout=20) as client:
            try:
                answer = client.get(
                    "/v1/players/me", headers={"Authorization": f"Bearer {who.access}"}
                )
                codes.append((answer.status_code, answer.json().get("name")))
            except httpx.HTTPError:
                codes.append((0, None))

    asking = [threading.Thread(target=ask, args=(who,)) for who in [player] * 10 + more]
    for one in asking:
        one.start()
    nodes[2].process.send_signal(signal.SIGCONT)
    woken = time.monotonic()
    for one in asking:
        one.join()
    assert all(name != player.name for _, name in codes), codes
    assert nodes[2].wait() == 75, nodes[2].tail()
    assert time.monotonic() - woken < 4, "requests waited there for their time-out, 5 s"
    assert (0, None) in codes, "whoever asked for a shard of another node has to ask elsewhere"
    gateway.close()
    elsewhere.close()
    nodes[2] = start(cluster, "n3")
    until(lambda: balanced(nodes), "the third has its shards again")


def test_a_node_ends_in_time_although_another_one_sleeps(
    cluster: Cluster, nodes: list[Server]
) -> None:
    nodes[1].process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert nodes[2].stop() == 0, nodes[2].tail()
    assert time.monotonic() - began < 30
    until(lambda: len(owners(nodes[0])) == SHARDS, "the first has every shard")
    nodes[1].kill()
    nodes[1], nodes[2] = start(cluster, "n2"), start(cluster, "n3")
    until(lambda: balanced(nodes), "the shards are spread again")


def test_every_node_in_turn_can_be_replaced_without_a_failed_request(
    cluster: Cluster, nodes: list[Server]
) -> None:
    games = game_ids(nodes[0])
    for turn in range(3):
        loads = [Load(server, games).sign_up(10) for i, server in enumerate(nodes) if i != turn]
        for load in loads:
            load.start()
        assert nodes[turn].stop() == 0, nodes[turn].tail()
        nodes[turn] = start(cluster, f"n{turn + 1}")
        for load in loads:
            load.finish(at_least=100)
            assert not load.failures, load.failures[:3]
            assert load.p99() < 1
    until(lambda: balanced(nodes), "the shards are spread again")


def test_a_node_that_is_only_a_gateway_owns_nothing_and_answers_for_everything(
    cluster: Cluster, nodes: list[Server]
) -> None:
    extra = start(cluster, "g1", cluster__roles="gateway")
    assert not owners(extra)
    gateway = Api(extra.url)
    player = gateway.sign_up()
    assert player.get("/v1/players/me").json()["name"] == player.name
    game = game_ids(extra)[0]
    assert player.put(f"/v1/players/me/games/{game}").status_code == 201
    again = gateway.log_in(player.name)
    assert len(again.get("/v1/players/me/games").json()["items"]) == 1
    assert not owners(extra)
    gateway.close()
    assert extra.stop() == 0
    # Shards may be on their way still to a node that was replaced before.
    until(lambda: balanced(nodes), "the others have all shards")


def link_port(server: Server, cluster: Cluster) -> int:
    """Where the other nodes reach it."""
    incarnation = server.operations("/nodes").json()["self"]
    with cluster.connect("a") as control:
        row = control.execute(
            "select link_port from troupe.member where incarnation = %s", [incarnation]
        ).fetchone()
    return row[0]


def test_strangers_on_the_link_port_disturb_no_link(cluster: Cluster, nodes: list[Server]) -> None:
    games = game_ids(nodes[0])
    load = Load(nodes[1], games).sign_up(10)
    load.start()
    port = link_port(nodes[0], cluster)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    for i in range(50):
        with socket.create_connection(("127.0.0.1", port), 5) as probe:
            if i % 3 == 0:
                probe.sendall(secrets.token_bytes(300))
            if i % 3 == 1:
                try:
                    with trusting.wrap_socket(probe) as encrypted:
                        encrypted.sendall(b"TRLK" + bytes(60))
                        encrypted.recv(1)
                except OSError:
                    pass
    until(
        lambda: nodes[0].metric("troupe_link_handshakes_failed_total") >= 30,
        "the strangers were turned away",
    )
    load.finish()
    assert not load.failures
    for server in nodes:
        assert server.metric("troupe_link_up") == 2
    ends = [
        line
        for line in nodes[0].log_lines()
        if (line["component"], line["event"]) == ("link", "down")
    ]
    before = [line for line in nodes[0].log_lines() if line["event"] == "handshake_failed"]
    assert not [line for line in ends if line["ts"] > before[-1]["ts"]]


def test_a_node_takes_a_new_certificate_without_a_restart(
    cluster: Cluster, nodes: list[Server]
) -> None:
    folder = cluster.folder / "certificates"
    before = len([line for line in nodes[1].log_lines() if line["event"] == "certificate_loaded"])
    (folder / "n2.crt").write_text("no certificate\n", encoding="utf-8")
    until(
        lambda: any(line["event"] == "certificate_refused" for line in nodes[1].log_lines()),
        "a certificate that is none is refused",
    )
    cluster.command("certs", "node", "n2", "--out", str(folder), "--ip", "127.0.0.1", "--force")
    until(
        lambda: len([x for x in nodes[1].log_lines() if x["event"] == "certificate_loaded"])
        > before,
        "the new certificate is in use",
    )
    # Whoever links with it from now on sees the new one.
    assert nodes[2].stop() == 0
    nodes[2] = start(cluster, "n3")
    until(lambda: balanced(nodes), "the third has its shards again")
    changed = [x for x in nodes[1].log_lines() if x["event"] == "certificate_changed"][-1]
    shown = [
        line["certificate"]
        for line in nodes[2].log_lines()
        if (line["component"], line["event"]) == ("link", "up")
    ]
    assert changed["fingerprint"] in shown
