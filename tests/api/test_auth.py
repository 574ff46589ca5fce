"""Tokens: how one gets them, what they are good for, how they end."""

import base64
import hmac
import json
import time

import pytest
from client import NOBODY, PASSWORD, Api, Session, fresh_name, key, problem
from troupe_server import Cluster


def test_a_player_gets_a_pair_of_tokens(api: Api) -> None:
    name = fresh_name()
    api.sign_up(name)
    answer = api.token(name, PASSWORD)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    pair = answer.json()
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 15 * 60
    assert 0 < pair["refresh_expires_in"] <= 30 * 24 * 3600


@pytest.mark.parametrize("role", ["publisher", "operator", "studio"])
def test_staff_get_tokens_with_their_role(api: Api, world, role: str) -> None:
    one = world.of_role(role)
    session = api.log_in(one.name, one.password)
    assert claims_of(session.access)["role"] == role
    assert session.get("/v1/games").status_code == 200


def test_generated_players_can_log_in(api: Api, world) -> None:
    for one in world.players[:3]:
        assert api.log_in(one.name, one.password).get("/v1/players/me").json()["name"] == one.name


def test_names_are_compared_without_case_at_log_in(api: Api) -> None:
    name = fresh_name("Mixed")
    api.sign_up(name)
    assert api.token(name.upper(), PASSWORD).status_code == 200


def test_a_wrong_password_and_an_unknown_name_look_the_same(api: Api, player: Session) -> None:
    wrong = problem(api.token(player.name, "not the password"), 401, "invalid-credentials")
    unknown = problem(api.token(fresh_name("nobody"), PASSWORD), 401, "invalid-credentials")
    assert {**wrong, "instance": ""} == {**unknown, "instance": ""}


def test_incomplete_token_requests_name_what_is_missing(api: Api) -> None:
    answer = api.client.post("/v1/auth/token", data={"grant_type": "password", "username": "x"})
    assert problem(answer, 422, "invalid-field")["errors"][0]["parameter"] == "password"
    answer = api.client.post("/v1/auth/token", data={"grant_type": "refresh_token"})
    assert problem(answer, 422, "invalid-field")["errors"][0]["parameter"] == "refresh_token"
    problem(
        api.client.post("/v1/auth/token", data={"grant_type": "client_credentials"}),
        400,
        "unsupported-grant-type",
    )
    problem(
        api.client.post("/v1/auth/token", json={"grant_type": "password"}),
        415,
        "unsupported-media-type",
    )


@pytest.mark.parametrize(
    "field",
    ["", "Basic dTpw", "Bearer", "Bearer x", "Bearer a.b.c", "Bearer " + "a" * 5000],
    ids=["empty", "basic", "none", "short", "dots", "long"],
)
def test_what_is_no_token_is_not_let_in(api: Api, field: str) -> None:
    answer = api.client.get("/v1/players/me", headers={"Authorization": field})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_no_token_is_not_let_in(api: Api) -> None:
    answer = api.client.get("/v1/players/me")
    problem(answer, 401, "missing-token")
    assert answer.headers["www-authenticate"] == 'Bearer realm="troupe"'


def base64url(data: bytes) -> str:
    """As JWTs have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(value: dict) -> str:
    """A part of a JWT."""
    return base64url(json.dumps(value).encode())


def claims_of(token: str) -> dict:
    """What a JWT says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_a_token_whose_text_was_changed_is_invalid(api: Api, player: Session) -> None:
    head, payload, signature = player.access.split(".")
    claims = claims_of(player.access)

    def token_is_refused(token: str) -> None:
        answer = api.client.get("/v1/players/me", headers={"Authorization": f"Bearer {token}"})
        problem(answer, 401, "invalid-token")

    token_is_refused(f"{head}.{encoded({**claims, 'role': 'publisher'})}.{signature}")
    token_is_refused(f"{head}.{encoded({**claims, 'sub': NOBODY})}.{signature}")
    token_is_refused(f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.")
    token_is_refused(f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    token_is_refused(f"{head}.{payload}.{flipped}")


def test_a_signed_token_is_valid_within_its_time_only(
    cluster: Cluster, api: Api, player: Session
) -> None:
    """Signed with the server's own key, as if time had passed. Clocks of nodes may differ by a minute."""
    claims = claims_of(player.access)
    lifetime = claims["exp"] - claims["iat"]
    assert lifetime == 15 * 60

    def status(algorithm: str = "HS256", **changed: object) -> int:
        text = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded({**claims, **changed})}"
        kind = {"HS256": "sha256", "HS512": "sha512"}[algorithm]
        signature = hmac.digest(cluster.signing_key.encode(), text.encode(), kind)
        headers = {"Authorization": f"Bearer {text}.{base64url(signature)}"}
        return api.client.get("/v1/players/me", headers=headers).status_code

    now = int(time.time())
    assert status() == 200
    assert status(iat=now - lifetime - 120, exp=now - 120) == 401
    assert status(iat=now - lifetime + 10, exp=now + 10) == 200
    assert status(iat=now + 120, exp=now + lifetime + 30) == 401
    assert status(exp=now + 10 * lifetime) == 401
    assert status(iss="somebody else") == 401
    assert status(role="publisher", studio=NOBODY) == 401
    assert status(sub="x") == 401
    assert status("HS512") == 401
    assert status() == 200


# -- refresh tokens -----------------------------------------------------------------------------------


def test_a_refresh_token_gives_the_next_pair_once(api: Api, player: Session) -> None:
    answer = api.refresh(player.refresh)
    assert answer.status_code == 200
    pair = answer.json()
    assert pair["refresh_token"] != player.refresh
    next_session = Session(api.client, player.name, PASSWORD, pair["access_token"])
    assert next_session.get("/v1/players/me").status_code == 200
    assert api.refresh(pair["refresh_token"]).status_code == 200


def test_the_second_use_of_a_refresh_token_ends_its_session(api: Api, player: Session) -> None:
    pair = api.refresh(player.refresh).json()
    problem(api.refresh(player.refresh), 401, "invalid-token")
    # the thief's and the owner's tokens alike
    problem(api.refresh(pair["refresh_token"]), 401, "invalid-token")
    stolen = Session(api.client, player.name, PASSWORD, pair["access_token"])
    problem(stolen.get("/v1/players/me"), 401, "invalid-token")
    problem(player.get("/v1/players/me"), 401, "invalid-token")
    api.log_in(player.name)  # the account is not harmed


@pytest.mark.parametrize("token", ["x", "A" * 44, "A" * 256, "é"])
def test_what_is_no_refresh_token_is_refused(api: Api, token: str) -> None:
    assert api.refresh(token).status_code == 401


def test_a_staff_member_refreshes_too(api: Api, world) -> None:
    one = world.of_role("operator")
    session = api.log_in(one.name, one.password)
    assert api.refresh(session.refresh).status_code == 200
    problem(api.refresh(session.refresh), 401, "invalid-token")


def test_a_repeated_refresh_under_one_key_is_no_theft(api: Api, player: Session) -> None:
    under = key()
    first = api.refresh(player.refresh, headers=under)
    again = api.refresh(player.refresh, headers=under)
    assert first.status_code == again.status_code == 200
    assert first.json()["refresh_token"] == again.json()["refresh_token"]
    assert api.refresh(again.json()["refresh_token"]).status_code == 200


# -- ending sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["refresh", "access"])
def test_revoking_either_token_ends_the_session(api: Api, player: Session, kind: str) -> None:
    other = api.log_in(player.name)
    token = getattr(player, kind)
    answer = api.client.post("/v1/auth/revoke", data={"token": token})
    assert (answer.status_code, answer.content) == (204, b"")
    problem(player.get("/v1/players/me"), 401, "invalid-token")
    problem(api.refresh(player.refresh), 401, "invalid-token")
    assert other.get("/v1/players/me").status_code == 200
    assert api.client.post("/v1/auth/revoke", data={"token": token}).status_code == 204


def test_revoking_an_unknown_token_is_no_error(api: Api) -> None:
    assert api.client.post("/v1/auth/revoke", data={"token": "whatever"}).status_code == 204


def test_a_new_password_ends_every_other_session(api: Api, player: Session) -> None:
    other = api.log_in(player.name)
    change = {"password": "a better password", "current_password": PASSWORD}
    assert player.patch("/v1/players/me", json=change).status_code == 200
    assert player.get("/v1/players/me").status_code == 200
    problem(other.get("/v1/players/me"), 401, "invalid-token")
    problem(api.refresh(other.refresh), 401, "invalid-token")
    problem(api.token(player.name, PASSWORD), 401, "invalid-credentials")
    api.log_in(player.name, "a better password")
