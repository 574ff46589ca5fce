"""`troupe provider-simulator` as a test steers it, and its feed read."""

import dataclasses
import signal
import subprocess
import xml.etree.ElementTree as ET

import httpx
from troupe_server import BINARY

NAMES = {"eventList": ("base_event", "event"), "planList": ("base_plan", "plan")}


@dataclasses.dataclass
class Event:
    """What a feed says of an event."""

    title: str
    attributes: dict[str, str]
    zones: list[dict[str, str]]


Feed = dict[tuple[str, str], Event]


def parse(text: bytes, form: str = "eventList") -> Feed:
    """The events by base id and id."""
    base, event = NAMES[form]
    root = ET.fromstring(text)
    assert root.tag == form
    found: Feed = {}
    for one in root.iterfind(f"output/{base}"):
        for each in one.iterfind(event):
            key = (one.attrib[f"{base}_id"], each.attrib[f"{event}_id"])
            assert key not in found
            zones = [zone.attrib for zone in each.iterfind("zone")]
            found[key] = Event(one.attrib["title"], one.attrib | each.attrib, zones)
    return found


class Simulator:
    """A running one."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [BINARY, "provider-simulator", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:")
        self.client = httpx.Client(base_url=self.url.removesuffix("/events"), timeout=30)

    def get(self, path: str = "/events", **headers: str) -> httpx.Response:
        """A request for the feed."""
        return self.client.get(
            path, headers={name.replace("_", "-"): v for name, v in headers.items()}
        )

    def control(self, **parameters: object) -> dict:
        """Steers it; gives its state."""
        answer = self.client.post("/control", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill(self) -> None:
        """kill -9."""
        self.client.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> int:
        """By Ctrl-C; gives the exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=20)
        finally:
            self.kill()
