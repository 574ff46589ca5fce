"""Feeds of events for the measure events and the HTTP server that gives them."""

import contextlib
import dataclasses
import datetime
import http.server
import random
import threading
from collections.abc import Callable, Iterator

YEAR = datetime.datetime(2025, 1, 1)
DAYS = 365
LARGE_EVENTS = 5_000
LARGE_ZONES = 300
VARIANTS = (
    50  # of an event's zones, so that what is sent does not repeat within a compressor's sight
)

Feed = Callable[[], Iterator[bytes]]
BadAnswer = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclasses.dataclass(frozen=True)
class Planned:
    """An event of the searched feed; its provider is in UTC."""

    title: str
    starts: datetime.datetime
    ends: datetime.datetime


def plan(count: int) -> list[Planned]:
    """Events spread over a year, each of one to three hours."""
    chosen = random.Random(1)
    events = []
    for number in range(count):
        starts = YEAR + datetime.timedelta(minutes=chosen.randrange(DAYS * 24 * 60))
        ends = starts + datetime.timedelta(minutes=chosen.randrange(60, 180))
        events.append(Planned(f"An evening at the opera {number}", starts, ends))
    return events


def ranges(
    count: int, events: int, wanted: int
) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """Ranges that hold about `wanted` of so many events of plan()."""
    chosen = random.Random(2)
    # an event of two hours lies within a range when it starts in it, but for its last two hours
    length = datetime.timedelta(hours=2 + DAYS * 24 * wanted / events)
    last = DAYS * 24 * 60 - int(length.total_seconds()) // 60
    starts = (YEAR + datetime.timedelta(minutes=chosen.randrange(last)) for _ in range(count))
    return [(start, start + length) for start in starts]


def element(
    number: int, title: str, starts: datetime.datetime, ends: datetime.datetime, zones: bytes
) -> bytes:
    """One base event with one event."""
    head = (
        f'<base_event base_event_id="{number}" sell_mode="online" title="{title}">'
        f'<event event_start_date="{starts.isoformat()}" event_end_date="{ends.isoformat()}"'
        f' event_id="{number}" sell_from="2024-01-01T00:00:00" sell_to="{starts.isoformat()}"'
        ' sold_out="false">'
    )
    return head.encode() + zones + b"</event></base_event>"


def whole(elements: Iterator[bytes]) -> Iterator[bytes]:
    """The document around them."""
    yield b'<?xml version="1.0" encoding="UTF-8"?><eventList version="1.0"><output>'
    yield from elements
    yield b"</output></eventList>"


def searched(events: list[Planned]) -> Iterator[bytes]:
    """The feed of the events that are searched for."""
    zones = b"".join(
        b'<zone zone_id="%d" capacity="100" price="%d.50" name="Stalls" numbered="true"/>' % (n, n)
        for n in (15, 30)
    )
    return whole(
        element(number, event.title, event.starts, event.ends, zones)
        for number, event in enumerate(events)
    )


def large(edition: int, events: int = LARGE_EVENTS) -> Iterator[bytes]:
    """Events with LARGE_ZONES zones each, in a year that nobody searches. Another edition has other prices."""

    def zones(variant: int) -> bytes:
        chosen = random.Random(variant)
        return b"".join(
            b'<zone zone_id="%d" capacity="%d" price="%d.%02d" name="Row %d" numbered="false"/>'
            % (number, chosen.randrange(500), 10 + edition, chosen.randrange(100), number)
            for number in range(LARGE_ZONES)
        )

    variants = [zones(variant) for variant in range(VARIANTS)]
    starts = YEAR.replace(year=2035)
    return whole(
        element(
            number,
            f"A large hall {number}",
            starts + datetime.timedelta(minutes=number),
            starts + datetime.timedelta(minutes=number + 90),
            variants[number % VARIANTS],
        )
        for number in range(events)
    )


class FeedServer:
    """Gives the feed of each path; `bytes_of` tells how long it was. Its threads do little besides sending.
    A path of `bad` gets what no good provider answers; its connection ends with that.
    """

    def __init__(self, feeds: dict[str, Feed], bad: dict[str, BadAnswer] | None = None):
        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # pylint: disable=invalid-name
                """Sends the parts one by one."""
                if answer := (bad or {}).get(self.path):
                    self.close_connection = True
                    with contextlib.suppress(OSError):  # the other side may have had enough
                        answer(self)
                    return
                parts = list(feeds[self.path]())
                length = sum(len(part) for part in parts)
                outer.bytes_of[self.path] = length
                self.send_response(200)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(length))
                self.end_headers()
                for part in parts:
                    self.wfile.write(part)

            def log_message(self, *_: object) -> None:
                """Not among the results."""

        outer = self
        self.bytes_of: dict[str, int] = {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def url(self, path: str) -> str:
        """Where a feed is."""
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def __enter__(self) -> "FeedServer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
