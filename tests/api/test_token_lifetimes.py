"""Tokens that run out, keys that change, log-ins that are locked out: each with a server of its own."""

import time
from collections.abc import Iterator

import pytest
from client import PASSWORD, Api, Session, fresh_name, problem
from troupe_server import Cluster, Server, until

# A server takes all shards of the cluster, so these run one after another, each until its end.


@pytest.fixture
def serve(cluster: Cluster, world) -> Iterator:
    """Starts a server with these settings; it is stopped after the test."""
    started: list[Server] = []

    def start(**settings: str) -> tuple[Server, Api]:
        running = cluster.serve(**settings)
        started.append(running)
        return running, Api(running.url)

    yield start
    for running in started:
        assert running.stop() == 0


def test_an_expired_refresh_token_is_invalid(serve) -> None:
    _, api = serve(auth__access_token_lifetime="1s", auth__refresh_token_lifetime="1s")
    player = api.sign_up()
    until_expired = time.monotonic() + 1.1
    until(lambda: time.monotonic() > until_expired, "the refresh token expires", 10)
    problem(api.refresh(player.refresh), 401, "invalid-token")


def test_tokens_of_the_previous_key_stay_valid_while_it_is_configured(cluster, serve) -> None:
    old, new = cluster.signing_key, "n" * 64
    first, api = serve()
    player = api.sign_up()
    assert first.stop() == 0
    cluster.signing_key = new
    try:
        second, api = serve(auth__previous_signing_key=old)
        session = Session(api.client, player.name, PASSWORD, player.access)
        assert session.get("/v1/players/me").status_code == 200
        assert second.stop() == 0
        _, api = serve()
        session = Session(api.client, player.name, PASSWORD, player.access)
        problem(session.get("/v1/players/me"), 401, "invalid-token")
        assert api.refresh(player.refresh).status_code == 200  # not signed, but stored
    finally:
        cluster.signing_key = old


def test_beyond_the_limit_the_oldest_session_ends(serve) -> None:
    _, api = serve(auth__max_sessions="2")
    first = api.sign_up()
    second, third = api.log_in(first.name), api.log_in(first.name)
    problem(first.get("/v1/players/me"), 401, "invalid-token")
    problem(api.refresh(first.refresh), 401, "invalid-token")
    assert second.get("/v1/players/me").status_code == 200
    assert third.get("/v1/players/me").status_code == 200


def test_too_many_failures_lock_an_account_out_for_a_while(serve) -> None:
    _, api = serve(auth__lockout_attempts="3", auth__lockout_time="2s")
    victim, other = api.sign_up(), api.sign_up()
    for _ in range(3):
        problem(api.token(victim.name, "wrong password"), 401, "invalid-credentials")
    answer = api.token(victim.name, PASSWORD)
    problem(answer, 429, "locked-out")
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    assert api.token(other.name, PASSWORD).status_code == 200
    assert victim.get("/v1/players/me").status_code == 200  # sessions go on
    until(lambda: api.token(victim.name, PASSWORD).status_code == 200, "the lock-out ends", 10, 0.2)


def test_a_success_clears_the_failures_before_it(serve) -> None:
    _, api = serve(auth__lockout_attempts="3", auth__lockout_time="60s")
    player = api.sign_up()
    for _ in range(3):
        for _ in range(2):
            problem(api.token(player.name, "wrong password"), 401, "invalid-credentials")
        assert api.token(player.name, PASSWORD).status_code == 200


def test_guessing_the_present_password_locks_out_too(serve) -> None:
    _, api = serve(auth__lockout_attempts="3", auth__lockout_time="60s")
    player = api.sign_up()
    guess = {"password": "a new password", "current_password": "a wrong guess"}
    for _ in range(3):
        assert player.patch("/v1/players/me", json=guess).status_code == 422
    problem(player.patch("/v1/players/me", json=guess), 429, "locked-out")


# -- rate limits ------------------------------------------------------------------------------------------


def test_an_account_over_its_rate_is_told_when_to_come_back(serve) -> None:
    _, api = serve(limits__principal_rate="5", limits__principal_burst="10")
    player, other = api.sign_up(), api.sign_up()
    answers = [player.get("/v1/players/me") for _ in range(40)]
    allowed = [one for one in answers if one.status_code == 200]
    refused = [one for one in answers if one.status_code == 429]
    assert len(allowed) + len(refused) == 40
    assert 10 <= len(allowed) < 40
    for one in answers:
        assert one.headers["ratelimit-policy"] == '"principal";q=10;w=2'
        assert one.headers["ratelimit"].startswith('"principal";r=')
    left = [int(one.headers["ratelimit"].split("r=")[1].split(";")[0]) for one in allowed]
    assert left[0] == 9 and min(left) == 0
    problem(refused[0], 429, "rate-limited")
    assert other.get("/v1/players/me").status_code == 200
    until(
        lambda: player.get("/v1/players/me").status_code == 200, "the bucket has a token", 10, 0.1
    )


def test_an_address_over_its_rate_is_refused_before_anything_else(serve) -> None:
    running, api = serve(limits__address_rate="5", limits__address_burst="10")
    answers = [api.client.get("/v1/nothing") for _ in range(40)]
    assert {one.status_code for one in answers} == {404, 429}
    refused = next(one for one in answers if one.status_code == 429)
    problem(refused, 429, "rate-limited")
    assert refused.headers["ratelimit"].startswith('"address";r=0')
    assert running.operations("/livez").status_code == 200  # never limited


def test_without_limits_no_answer_speaks_of_them(serve) -> None:
    _, api = serve()
    assert "ratelimit" not in api.sign_up(fresh_name()).get("/v1/players/me").headers
