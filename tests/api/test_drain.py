"""SIGTERM: no request fails, the exit code is 0, a second signal ends at once."""

import collections
import signal
import socket
import threading
import time

import httpx
from client import Api, Session, fresh_name, key
from troupe_server import Cluster, Server, until


class Caller(threading.Thread):
    """Calls until the server takes no more connections."""

    def __init__(self, server: Server, session: Session, path: str) -> None:
        super().__init__(daemon=True)
        self.url, self.session, self.path = server.url, session, path
        self.statuses: collections.Counter = collections.Counter()
        self.failures: list[str] = []
        self.refused = threading.Event()

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.session.access}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=20) as client:
            while not self.refused.is_set():
                try:
                    put = client.put(self.path, headers=key())
                    got = client.get("/v1/players/me")
                except httpx.ConnectError:
                    self.refused.set()  # a balancer would go to another node
                except httpx.HTTPError as failure:
                    self.failures.append(repr(failure))
                else:
                    self.statuses.update((put.status_code, got.status_code))


def test_sigterm_fails_no_request(
    cluster: Cluster, server: Server, api: Api, publisher: Session
) -> None:
    assert cluster
    games = publisher.walk("/v1/games", limit=100)
    callers = [
        Caller(server, api.sign_up(), f"/v1/players/me/games/{games[i % len(games)]['id']}")
        for i in range(12)
    ]
    for caller in callers:
        caller.start()
    until(lambda: all(caller.statuses.total() > 40 for caller in callers), "everybody calls", 60)
    server.terminate()
    assert server.wait() == 0, server.tail()
    for caller in callers:
        caller.join(30)
        assert caller.failures == []
        assert set(caller.statuses) == {200, 201}, caller.statuses
    server.restart()
    api.client.base_url = server.url
    for caller in callers:
        assert len(caller.session.walk("/v1/players/me/games")) == 1


def test_readiness_falls_while_the_rest_is_answered(
    server: Server, api: Api, player: Session
) -> None:
    """A balancer that asks for readiness must see the drain while requests are still under way."""
    url = httpx.URL(server.url)
    body = b'{"name": "' + fresh_name().encode() + b'"}'
    with socket.create_connection((url.host, url.port), timeout=20) as connection:
        connection.sendall(
            b"PATCH /v1/players/me HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {player.access}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body[:5]
        )
        until(lambda: server.metric("troupe_http_connections") >= 1, "it is connected", 10)
        server.terminate()
        until(lambda: server.operations("/readyz").status_code == 503, "readiness falls", 10)
        assert server.operations("/livez").status_code == 200
        connection.sendall(body[5:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert server.wait() == 0
    server.restart()
    api.client.base_url = server.url


def test_the_shards_are_given_back(cluster: Cluster, server: Server, api: Api) -> None:
    server.stop()
    for database in ("a", "b"):
        with cluster.connect(database) as connection:
            held = connection.execute(
                "select count(*) from troupe.shard_fence where owner is not null"
            ).fetchone()
            assert held[0] == 0
    server.restart()
    api.client.base_url = server.url


def test_a_second_signal_ends_at_once(server: Server, api: Api) -> None:
    def drains() -> int:
        return sum(line["event"] == "draining" for line in server.log_lines())

    # a request whose body never ends keeps the drain waiting
    url, before = httpx.URL(server.url), drains()
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        server.terminate()
        until(lambda: drains() > before, "it drains", 10)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait(5) == 75
        assert time.monotonic() - began < 2
    server.restart()
    api.client.base_url = server.url
