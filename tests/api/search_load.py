"""Searches without pause, each compared with what the providers' events are known to be."""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from client import Api

# title, start, end, least price, highest price
Row = tuple[str, str, str, float | None, float | None]
Rows = frozenset[Row]


def shown_rows(events: list[dict]) -> Rows:
    """The events of an answer; none may be there twice."""
    rows = [
        (
            one["title"],
            f"{one['start_date']}T{one['start_time']}",
            f"{one['end_date']}T{one['end_time']}",
            one["min_price"],
            one["max_price"],
        )
        for one in events
    ]
    assert len(set(rows)) == len(rows), "an event is shown twice"
    return frozenset(rows)


class Known:
    """What a search has to show, by provider. One thread writes, any may read."""

    def __init__(self) -> None:
        # Each state has what must be shown and what may be; states are only added, so that a search can be
        # compared with all that held while it ran.
        self.states: list[dict[str, tuple[Rows, Rows]]] = [{}]

    def is_now(self, provider: str, rows: Rows) -> None:
        """From now on exactly these."""
        self.states.append({**self.states[-1], provider: (rows, rows)})

    def may_become(self, provider: str, rows: Rows) -> None:
        """On the way to these: of what differs nobody knows which a search shows."""
        must, may = self.states[-1].get(provider, (frozenset(), frozenset()))
        self.states.append({**self.states[-1], provider: (must & rows, may | rows)})

    def now(self) -> int:
        """The present state, for `check`."""
        return len(self.states) - 1

    def check(self, since: int, rows: Rows, provider: str | None) -> None:
        """Compares the answer of a search that began in the state `since`; of one provider, or of all."""

        def of(state: dict[str, tuple[Rows, Rows]], which: int) -> Rows:
            return frozenset().union(
                *(both[which] for name, both in state.items() if provider in (None, name))
            )

        states = self.states[since:]
        must = frozenset.intersection(*(of(state, 0) for state in states))
        may = frozenset.union(*(of(state, 1) for state in states))
        assert must <= rows, f"a search does not show {sorted(must - rows, key=str)[:3]}"
        assert rows <= may, f"a search shows {sorted(rows - may, key=str)[:3]}"


class SearchLoad:
    """Searches with some threads while it is entered."""

    def __init__(self, url: str, known: Known, threads: int = 3) -> None:
        self.known = known
        self.api = Api(url)
        self.took: list[float] = []
        self.failures: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]

    def run(self) -> None:
        """One thread, until it is over or a search went wrong."""
        try:
            while not self.over.is_set():
                self.search("/search", None)
                for provider in list(self.known.states[-1]):
                    self.search("/v1/events/search", provider)
        except Exception as error:  # whatever it is, the test tells it
            self.failures.append(f"{type(error).__name__}: {error}")

    def search(self, path: str, provider: str | None) -> None:
        """One search: of everything, or the first page of one provider's events."""
        query = {"provider": provider, "limit": "100"} if provider else {}
        since = self.known.now()
        began = time.monotonic()
        answer = self.api.client.get(path, params=query)
        self.took.append(time.monotonic() - began)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        body = answer.json()
        assert body.get("next") is None, "the providers of these tests have one page each"
        self.known.check(since, shown_rows(body["data"]["events"]), provider)

    def check(self) -> None:
        """Since the last check there were searches, none has failed or shown anything else, and none took long."""
        assert not self.failures, self.failures
        assert all(thread.is_alive() for thread in self.threads)
        took, self.took = self.took, []
        assert len(took) > 50
        assert max(took) < 5
        assert statistics.median(took) < 0.5

    def __enter__(self) -> "SearchLoad":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.api.close()


@contextlib.contextmanager
def without_pause(what: Callable[[], object]) -> Iterator[list[str]]:
    """Does it again and again in a thread while the context is entered; gives the list of what went wrong."""
    over = threading.Event()
    failures: list[str] = []

    def run() -> None:
        try:
            while not over.is_set():
                what()
        except Exception as error:  # whatever it is, the test tells it
            failures.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield failures
    finally:
        over.set()
        thread.join()
