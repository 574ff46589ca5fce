"""Providers of events of a running Troupe, added and fetched as an operator would."""

import http.client
import json
import threading
import time
import uuid

from processes import Failure, poll
from workbench import Bench


class Operator:
    """Adds providers of events to a running Troupe and has them fetched."""

    def __init__(self, bench: Bench, port: int):
        self.port = port
        self.token = bench.mint([uuid.uuid4()], role="operator")[0]
        self.timed_out = 0  # requests for a fetch that got no answer in time

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        """The answer of a request that has to succeed."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        link.request(method, path, json.dumps(body) if body else None, headers)
        answer = link.getresponse()
        text = answer.read().decode(errors="replace")
        link.close()
        found = json.loads(text)
        # a fetch that takes longer than a request may; the provider tells how it goes
        if found.get("type") == "/problems/timed-out" and path.endswith("/fetch"):
            self.timed_out += 1
            return self.ask("GET", path.removesuffix("/fetch"))["fetch"]
        if answer.status not in (200, 201, 202):
            raise Failure(f"{method} {path} answered {answer.status}: {text}")
        return found

    def add(self, name: str, url: str) -> str:
        """A provider that is fetched only when told: its path."""
        body = {"name": name, "url": url, "paused": True, "time_zone": "UTC"}
        return f"/v1/providers/{self.ask('POST', '/v1/providers', body)['id']}"

    def fetch(self, provider: str, failure: str | None = None) -> tuple[dict, float]:
        """One whole fetch: what came of it, and its seconds. `failure` is how it has to fail, if it has to."""
        before = self.ask("GET", provider)["fetch"]["started_at"]
        started = time.monotonic()
        report = self.ask("POST", f"{provider}/fetch")

        def ended() -> bool:
            nonlocal report
            if report["running"] or report["started_at"] == before:
                report = self.ask("GET", provider)["fetch"]
            return not report["running"] and report["started_at"] != before

        if not poll(ended, 120):
            raise Failure(f"a fetch does not end: {report}")
        if report["failure"] != failure or report["rejected"]:
            raise Failure(f"a fetch went wrong: {report}")
        return report, time.monotonic() - started


class Fetching:
    """Fetches a provider again and again while it is entered, each time with a pause of some seconds after it."""

    def __init__(
        self, operator: Operator, provider: str, expected: str | None = None, pause: float = 0
    ):
        self.operator = operator
        self.provider = provider
        self.expected = expected  # how each fetch has to fail; nothing: none may
        self.pause = pause
        self.done = threading.Event()
        self.begun = threading.Event()
        self.fetches: list[tuple[dict, float]] = []
        self.failure: Failure | None = None
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        """Until it is done; a fetch under way is waited for."""
        try:
            while not self.done.is_set():
                self.begun.set()
                self.fetches.append(self.operator.fetch(self.provider, self.expected))
                self.done.wait(self.pause)
        except (Failure, OSError, http.client.HTTPException) as error:
            self.failure = Failure(f"a fetch during the load: {error}")

    def __enter__(self) -> "Fetching":
        self.thread.start()
        self.begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
