"""Redis stopped: everything works, and readiness and metrics say so; back again, it is used again."""

from client import PASSWORD, Api, Session, fresh_name, key, problem
from troupe_server import Cluster, Server, until


def redis_line(server: Server) -> str:
    """What readiness says about Redis."""
    lines = server.operations("/readyz?verbose").text.splitlines()
    return next(line for line in lines if "redis" in line)


def everything_works(api: Api, studio: Session) -> None:
    """A little of every kind of request."""
    player = api.sign_up()
    game = studio.post(
        "/v1/studios/me/games", json={"name": fresh_name("Game")}, headers=key()
    ).json()
    path, under = f"/v1/players/me/games/{game['id']}", key()
    assert player.put(path, headers=under).status_code == 201
    again = player.put(path, headers=under)
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    problem(player.delete(path, headers=under), 422, "key-reused")
    assert api.refresh(player.refresh).status_code == 200
    other = api.log_in(player.name)
    assert api.client.post("/v1/auth/revoke", data={"token": other.access}).status_code == 204
    problem(other.get("/v1/players/me"), 401, "invalid-token")
    assert player.patch("/v1/players/me", json={"name": fresh_name()}).status_code == 200
    assert len(studio.walk("/v1/studios/me/players", game_id=game["id"])) == 1
    assert player.delete("/v1/players/me").status_code == 204


def test_without_redis_everything_works_and_it_is_told(
    cluster: Cluster, server: Server, api: Api, studio: Session
) -> None:
    everything_works(api, studio)
    assert redis_line(server).startswith("[+]")
    revoked = api.sign_up()
    assert api.client.post("/v1/auth/revoke", data={"token": revoked.access}).status_code == 204

    cluster.redis.stop()
    until(lambda: not redis_line(server).startswith("[+]"), "readiness tells", 15)
    assert redis_line(server).startswith("[!]")
    ready = server.operations("/readyz")
    assert ready.status_code == 200  # nothing that must not fail depends on it
    for _ in range(3):
        everything_works(api, studio)
    problem(revoked.get("/v1/players/me"), 401, "invalid-token")
    text = server.operations("/metrics").text
    assert any(
        "redis" in line and not line.startswith("#") and not line.endswith(" 0")
        for line in text.splitlines()
    )
    unavailable = [line for line in server.log_lines() if line["component"] == "redis"]
    assert unavailable
    assert len(unavailable) < 200, "it is told, not shouted"

    cluster.redis.start()
    until(lambda: redis_line(server).startswith("[+]"), "it is used again", 30)
    everything_works(api, studio)
    problem(revoked.get("/v1/players/me"), 401, "invalid-token")


def test_a_server_starts_without_redis(cluster: Cluster, server: Server, api: Api) -> None:
    player = api.sign_up()
    assert server.stop() == 0
    cluster.redis.stop()
    try:
        server.restart()
        api.client.base_url = server.url
        assert api.token(player.name, PASSWORD).status_code == 200
        assert redis_line(server).startswith("[!]")
    finally:
        cluster.redis.start()
    until(lambda: redis_line(server).startswith("[+]"), "it is found later", 30)


def test_redis_that_hangs_slows_nothing_for_long(
    cluster: Cluster, server: Server, api: Api
) -> None:
    import signal
    import time

    player = api.sign_up()
    cluster.redis.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(20):
            assert (
                player.patch(
                    "/v1/players/me", json={"name": fresh_name()}, headers=key()
                ).status_code
                == 200
            )
        assert time.monotonic() - began < 10
        until(lambda: redis_line(server).startswith("[!]"), "readiness tells", 15)
    finally:
        cluster.redis.process.send_signal(signal.SIGCONT)
    until(lambda: redis_line(server).startswith("[+]"), "it is used again", 30)
