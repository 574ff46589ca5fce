"""A REST client as a user of Troupe would write it, and checks that many tests share."""

import dataclasses
import itertools
import re
import secrets

import httpx

PASSWORD = "correct horse battery"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOBODY = "01890000-0000-7000-8000-000000000000"  # an id that nothing has

_numbers = itertools.count()
_run = secrets.token_hex(3)


def fresh_name(prefix: str = "p") -> str:
    """A name that nobody has."""
    return f"{prefix}-{_run}-{next(_numbers)}"


def key() -> dict[str, str]:
    """A header with a fresh Idempotency-Key."""
    return {"Idempotency-Key": secrets.token_hex(16)}


def problem(answer: httpx.Response, status: int, slug: str) -> dict:
    """Checks that the answer is this problem in the form of RFC 9457, and gives it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    body = answer.json()
    assert body["type"] == f"/problems/{slug}", body
    assert body["status"] == status
    assert body["title"]
    assert body["instance"] == answer.headers["x-request-id"]
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1
    return body


def pointers(answer: httpx.Response) -> set[str]:
    """Which fields an `invalid-field` problem complains about."""
    return {
        error.get("pointer", error.get("parameter"))
        for error in problem(answer, 422, "invalid-field")["errors"]
    }


@dataclasses.dataclass
class Session:
    """Somebody who has logged in; sends requests with their token."""

    client: httpx.Client
    name: str
    password: str
    access: str = ""
    refresh: str = ""
    id: str = ""

    def request(self, method: str, path: str, **more) -> httpx.Response:
        """One request with the access token."""
        headers = {"Authorization": f"Bearer {self.access}", **(more.pop("headers", None) or {})}
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, **more) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more) -> httpx.Response:
        """POST."""
        return self.request("POST", path, **more)

    def put(self, path: str, **more) -> httpx.Response:
        """PUT."""
        return self.request("PUT", path, **more)

    def patch(self, path: str, **more) -> httpx.Response:
        """PATCH."""
        return self.request("PATCH", path, **more)

    def delete(self, path: str, **more) -> httpx.Response:
        """DELETE."""
        return self.request("DELETE", path, **more)

    def walk(self, path: str, **params) -> list[dict]:
        """Every item of a list, page by page; checks each page's form on the way."""
        items = []
        query = {name: value for name, value in params.items() if value is not None}
        while True:
            answer = self.get(path, params=query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert set(page) <= {"items", "next"}
            assert len(page["items"]) <= int(query.get("limit", 20))
            items += page["items"]
            if not page.get("next"):
                assert "link" not in answer.headers
                return items
            link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers["link"])
            assert link, answer.headers["link"]
            followed = httpx.URL(link[1])
            assert followed.params["cursor"] == page["next"]
            query["cursor"] = page["next"]


class Api:
    """The public port, for somebody who has not logged in."""

    def __init__(self, url: str) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self.client = httpx.Client(base_url=url, timeout=30, limits=limits)

    def close(self) -> None:
        """Closes its connections."""
        self.client.close()

    def token(self, name: str, password: str, **more) -> httpx.Response:
        """Asks for tokens by password."""
        form = {"grant_type": "password", "username": name, "password": password}
        return self.client.post("/v1/auth/token", data=form, **more)

    def refresh(self, token: str, **more) -> httpx.Response:
        """Asks for tokens by refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return self.client.post("/v1/auth/token", data=form, **more)

    def log_in(self, name: str, password: str = PASSWORD) -> Session:
        """A log-in that has to succeed."""
        answer = self.token(name, password)
        assert answer.status_code == 200, answer.text
        pair = answer.json()
        return Session(self.client, name, password, pair["access_token"], pair["refresh_token"])

    def sign_up(self, name: str | None = None, password: str = PASSWORD) -> Session:
        """A new player, logged in."""
        name = name or fresh_name()
        answer = self.client.post("/v1/players", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        session = self.log_in(name, password)
        session.id = answer.json()["id"]
        return session
