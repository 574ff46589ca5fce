"""What the searches of the measure events are of, and their load at a fixed rate."""

import http.client
import pathlib

import event_feed
from processes import Failure
from workbench import Bench, CONNECTIONS

EVENTS = 10_000
RANGES = 1_000
PER_RANGE = 10  # events that a search finds
SEARCH_RATE = 10_000  # a second


def body_of(port: int, path: str) -> bytes:
    """What a server answers with 200."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    link.request("GET", path)
    answer = link.getresponse()
    body = answer.read()
    link.close()
    if answer.status != 200:
        raise Failure(f"port {port}: GET {path} answered {answer.status}")
    return body


def write_ranges(bench: Bench) -> tuple[pathlib.Path, list[str]]:
    """The searches of the load: their file and themselves."""
    paths = [
        f"/search?starts_at={start.isoformat()}Z&ends_at={end.isoformat()}Z"
        for start, end in event_feed.ranges(RANGES, EVENTS, PER_RANGE)
    ]
    file = bench.folder / "searches.txt"
    file.write_text("\n".join(paths) + "\n", encoding="utf-8")
    return file, paths


def paced_search(bench: Bench, port: int, file: pathlib.Path) -> dict:
    """Searches at SEARCH_RATE for twice the seconds of a round."""
    return bench.paced(
        port, "search", file, "--count", SEARCH_RATE * bench.seconds * 2, "--rate", SEARCH_RATE,
        "--connections", CONNECTIONS,
    )  # fmt: skip
