"""A provider of events as a test wants it: a real HTTP server whose answer can be changed."""

import gzip
import http.server
import threading
import time
from collections.abc import Callable

Zone = tuple[str, int, str]  # id, capacity, price


def event(
    base: str,
    number: str,
    title: str = "An evening",
    *,
    mode: str = "online",
    starts: str = "2021-06-30T21:00:00",
    ends: str = "2021-06-30T22:00:00",
    zones: tuple[Zone, ...] = (("40", 243, "20.00"), ("38", 100, "15.00")),
    sold_out: str = "false",
) -> str:
    """One base event with one event in it."""
    seats = "".join(
        f'<zone zone_id="{name}" capacity="{room}" price="{price}" name="Z{name}" numbered="true"/>'
        for name, room, price in zones
    )
    return (
        f'<base_event base_event_id="{base}" sell_mode="{mode}" title="{title}">'
        f'<event event_start_date="{starts}" event_end_date="{ends}" event_id="{number}"'
        f' sell_from="2020-07-01T00:00:00" sell_to="2021-06-30T20:00:00" sold_out="{sold_out}">'
        f"{seats}</event></base_event>"
    )


def feed(*events: str) -> bytes:
    """A whole answer."""
    body = "".join(events)
    return f'<eventList version="1.0"><output>{body}</output></eventList>'.encode()


class FeedServer:
    """Serves `body` at every path; counts requests; `before` may misbehave instead."""

    def __init__(self, body: bytes = feed()) -> None:
        self.body = body
        self.etag: str | None = None
        self.requests: list[dict[str, str]] = []
        self.times: list[float] = []  # of the requests, by the monotonic clock
        self.misbehave: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # pylint: disable=invalid-name
                """Answers as the test said."""
                outer.times.append(time.monotonic())
                outer.requests.append(dict(self.headers))
                if outer.misbehave:
                    self.close_connection = True
                    outer.misbehave(self)
                    return
                if outer.etag and self.headers.get("If-None-Match") == outer.etag:
                    self.send_response(304)
                    self.send_header("ETag", outer.etag)
                    self.end_headers()
                    return
                packed = gzip.compress(outer.body)
                self.send_response(200)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(packed)))
                if outer.etag:
                    self.send_header("ETag", outer.etag)
                self.end_headers()
                self.wfile.write(packed)

            def log_message(self, *_: object) -> None:
                """Not in the test's output."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/events"

    def stop(self) -> None:
        """Closes the port."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
