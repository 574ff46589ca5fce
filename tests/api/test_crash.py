"""kill -9 under write load: every acknowledged write is there, none twice."""

import collections
import random
import threading

import httpx
import pytest
from client import PASSWORD, Api, Session, fresh_name, key
from troupe_server import Cluster, Server, until

WRITERS = 12


class Writer(threading.Thread):
    """Sends changes one after another, each until it is acknowledged, across crashes of the server. Knows
    what must be there at the end."""

    def __init__(self, number: int, server: Server, session: Session, games: list[str]) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(number)
        self.server, self.session, self.games = server, session, games
        self.has: set[str] = set()
        self.signed_up: dict[str, str] = {}
        self.acknowledged = 0
        self.repeated = 0
        self.stopping = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.step()
        except BaseException as failure:  # shown by the test
            self.failure = failure

    def send(self, method: str, path: str, **more) -> httpx.Response:
        """One change under one key, again and again until the server says what became of it."""
        headers = {"Authorization": f"Bearer {self.session.access}", **key()}
        tries = 0
        while True:
            tries += 1
            try:
                answer = httpx.request(
                    method, self.server.url + path, headers=headers, timeout=10, **more
                )
                in_flight = answer.status_code == 409 and "operation-in-flight" in answer.text
                if answer.status_code != 503 and not in_flight:
                    self.acknowledged += 1
                    self.repeated += tries > 1
                    return answer
            except httpx.HTTPError:
                pass
            self.stopping.wait(0.05)

    def step(self) -> None:
        """One change, and what must be true after it."""
        kind = self.random.random()
        if kind < 0.1:
            name = fresh_name("w")
            answer = self.send("POST", "/v1/players", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 201, answer.text
            self.signed_up[name] = answer.json()["id"]
            return
        game = self.random.choice(self.games)
        path = f"/v1/players/me/games/{game}"
        if kind < 0.7:
            answer = self.send("PUT", path)
            assert answer.status_code == (200 if game in self.has else 201), answer.text
            self.has.add(game)
        else:
            answer = self.send("DELETE", path)
            assert answer.status_code == 204, answer.text
            self.has.discard(game)


@pytest.mark.parametrize("redis", ["kept", "gone"])
def test_acknowledged_writes_outlive_kill_9(
    cluster: Cluster, server: Server, api: Api, publisher: Session, redis: str
) -> None:
    api.client.base_url = server.url
    games = [game["id"] for game in publisher.walk("/v1/games", limit=100)]
    writers = [Writer(number, server, api.sign_up(), games) for number in range(WRITERS)]
    for writer in writers:
        writer.start()

    def progress() -> int:
        failed = [writer.failure for writer in writers if writer.failure]
        assert not failed, failed
        return sum(writer.acknowledged for writer in writers)

    for round_number in range(3):
        before = progress()
        until(lambda: progress() >= before + 40 * (round_number + 1), "writes are acknowledged", 60)
        server.kill()
        if redis == "gone":
            cluster.redis.stop()
            cluster.redis.start()
        server.restart()
    before = progress()
    until(lambda: progress() >= before + 100, "writes go on after the last crash", 60)
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive()
    progress()
    assert any(writer.repeated for writer in writers), "no write was cut off: nothing was tested"

    api.client.base_url = server.url
    for writer in writers:
        listed = writer.session.walk("/v1/players/me/games", limit=100)
        ids = [entry["game"]["id"] for entry in listed]
        assert len(ids) == len(set(ids))
        assert set(ids) == writer.has
        for name, made in writer.signed_up.items():
            assert api.log_in(name).get("/v1/players/me").json()["id"] == made

    # every count is that of the rows
    pairs = publisher.walk("/v1/publisher/players", limit=100)
    counted = collections.Counter(one["game"]["id"] for one in pairs)
    assert len({(one["game"]["id"], one["player"]["id"]) for one in pairs}) == len(pairs)
    ranked = publisher.walk("/v1/publisher/games/popularity", limit=100)
    assert {one["game"]["id"]: one["players_count"] for one in ranked} == {
        game: counted.get(game, 0) for game in games
    }
    # no name is held twice, and every player whose name was acknowledged is one row
    rows = []
    for database in ("a", "b"):
        with cluster.connect(database) as connection:
            rows += connection.execute(
                "select lower(name) from troupe.player where not deleted"
            ).fetchall()
    assert len(rows) == len(set(rows))
