"""What every measure works with: load generators, tokens, and the servers that are measured, ours and others."""

import argparse
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import secrets
import signal
import statistics
import subprocess
import sys
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator

from processes import Failure, Process, free_port, last_lines, poll, start, write_secret
from report import Report, say

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64
WRITE_CONNECTIONS = 256  # players who write at once
PEER_WORKERS = 2  # one per core, as uvicorn's manual advises


class Bench:
    """The parts of one run: its folder, its tools, its report."""

    def __init__(self, arguments: argparse.Namespace):
        self.seconds: int = arguments.seconds
        self.rounds: int = arguments.rounds
        self.million: int = arguments.players
        self.binary = pathlib.Path(os.environ["TROUPE_BIN"]).resolve()
        self.paced_load = self.binary.parent.parent / "tests" / "bench" / "troupe_paced_load"
        self.pg = [os.environ["TROUPE_TEST_PG_A"], os.environ["TROUPE_TEST_PG_B"]]
        self.redis = os.environ["TROUPE_TEST_REDIS"]
        self.folder = self.binary.parent.parent / "bench"
        self.folder.mkdir(exist_ok=True)
        self.signing_key = secrets.token_hex(32)
        self.report = Report()
        self.top_put_rate = 0.0

    def wrk(self, port: int, seconds: int, *arguments: object) -> float:
        """Requests a second that were answered without an error; (rate, requests) are kept for checks."""
        rate, _ = self.wrk_counted(port, seconds, *arguments)
        return rate

    def wrk_counted(self, port: int, seconds: int, *arguments: object) -> tuple[float, int]:
        """Also how many requests there were."""
        command = [
            "wrk",
            "-t1",
            f"-c{WRITE_CONNECTIONS if arguments[0] == 'put' else CONNECTIONS}",
            f"-d{seconds}s",
            "--timeout",
            "20s",
            "-s",
            HERE / "load.lua",
        ]
        command += [f"http://127.0.0.1:{port}", "--", *arguments]
        done = run_tool([str(word) for word in command])
        found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+)$", done, re.MULTILINE)
        if not found:
            raise Failure(f"wrk said: {done}")
        requests, errors, status_errors, microseconds = (int(group) for group in found.groups())
        if errors or status_errors or not requests:
            raise Failure(
                f"port {port}: of {requests} requests {errors} broke and {status_errors} were refused:\n"
                + self.first_answer(port)
            )
        return requests / (microseconds / 1e6), requests

    def paced(self, port: int, *arguments: object) -> dict:
        """Runs troupe_paced_load; nothing may fail."""
        command = [str(self.paced_load), str(port), *(str(word) for word in arguments)]
        found = json.loads(run_tool(command))
        good = sum(count for status, count in found["status"].items() if status in ("200", "201"))
        if good != found["sent"]:
            raise Failure(f"{' '.join(command)} found {found}")
        return found

    def first_answer(self, port: int) -> str:
        """For messages: what the server says now."""
        token = self.mint([uuid.uuid4()])[0]
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            link.request("GET", "/v1/players/me", headers={"Authorization": f"Bearer {token}"})
            answer = link.getresponse()
            return f"{answer.status} {answer.read().decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            return str(error)

    def mint(self, players: list[uuid.UUID], role: str = "player") -> list[str]:
        """Access tokens as Troupe signs them, good for a day. The peer knows the same key."""

        def base64url(data: bytes) -> bytes:
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        now = int(time.time())
        head = base64url(b'{"alg":"HS256","typ":"JWT"}')
        tokens = []
        for player in players:
            claims = {
                "iss": "troupe",
                "sub": str(player),
                "role": role,
                "sid": str(uuid.UUID(int=player.int ^ 1)),
                "iat": now,
                "exp": now + 86_000,
            }
            text = head + b"." + base64url(json.dumps(claims, separators=(",", ":")).encode())
            mac = hmac.new(self.signing_key.encode(), text, hashlib.sha256).digest()
            tokens.append((text + b"." + base64url(mac)).decode())
        return tokens

    def troupe(self, *arguments: object, config: pathlib.Path) -> str:
        """A command of troupe's that ends; its standard output. Its progress is shown."""
        command = [str(self.binary), *(str(word) for word in arguments), "--config", str(config)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=False, cwd=self.folder
        )
        if done.returncode:
            raise Failure(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def config(self, name: str, databases: list[str], **settings: str) -> pathlib.Path:
        """A configuration file. Rate limits count, but too high to matter."""
        text = f"""
[auth]
signing_key = "{self.signing_key}"
access_token_lifetime = "1d"

[limits]
principal_rate = 1000000
principal_burst = 10000000
address_rate = 1000000
address_burst = 10000000

[redis]
url = "{self.redis}"

[log]
level = "warn"
"""
        for key, value in settings.items():
            section, _, option = key.partition("__")
            text += f"\n[{section}]\n{option} = {value}\n"
        for database, dsn in zip("ab", databases):
            text += f'\n[[database]]\nname = "{database}"\ndsn = "{dsn}"\n'
        file = self.folder / f"{name}.toml"
        write_secret(file, text)
        return file

    @contextlib.contextmanager
    def serving(
        self, config: pathlib.Path, *flags: str, name: str = "troupe"
    ) -> Iterator[tuple[int, Process]]:
        """troupe serve: its port and its process. The name is for its files."""
        log, ready = self.folder / f"{name}.log", self.folder / f"{name}.ready.json"
        for file in (log, ready):
            file.unlink(missing_ok=True)
        command = [self.binary, "serve", "--config", config, "--ready-file", ready]
        command += ["--http.port=0", "--operations.port=0", *flags]
        process = start([str(word) for word in command], log, dies_with_parent=signal.SIGTERM)
        try:
            poll(lambda: ready.exists() or not process.alive(), 60)
            if not ready.exists():
                raise Failure(f"troupe serve does not get ready:\n{last_lines(log)}")
            url = json.loads(ready.read_text(encoding="utf-8"))["url"]
            yield urllib.parse.urlsplit(url).port, process
        finally:
            process.stop(signal.SIGTERM, 30)

    @contextlib.contextmanager
    def nginx(self, body: bytes) -> Iterator[int]:
        """nginx answering everything with that body: its port."""
        port = free_port()
        file = self.folder / "nginx.conf"
        places = "\n".join(
            f"  {kind}_temp_path {self.folder}/nginx-{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file.write_text(
            f"""\
daemon off;
worker_processes 2;
pid {self.folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
{places}
  server {{
    listen 127.0.0.1:{port} reuseport;
    default_type application/json;
    location / {{ return 200 '{body.decode()}'; }}
  }}
}}
""",
            encoding="utf-8",
        )
        log = self.folder / "nginx.log"
        process = start(
            ["nginx", "-e", str(log), "-c", str(file)], log, dies_with_parent=signal.SIGTERM
        )
        try:
            if not poll(lambda: says_ready(port, "/"), 10):
                raise Failure(f"nginx does not start:\n{last_lines(log)}")
            yield port
        finally:
            process.stop(signal.SIGTERM, 10)

    @contextlib.contextmanager
    def peer(self, dsn: str) -> Iterator[int]:
        """The FastAPI peer on its own database: its port."""
        port = free_port()
        log = self.folder / "peer.log"
        os.environ["PEER_DATABASE_URL"] = dsn.replace("postgresql://", "postgresql+asyncpg://")
        os.environ["PEER_SIGNING_KEY"] = self.signing_key
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "app:app",
            "--app-dir",
            str(HERE / "peer_fastapi"),
        ]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(PEER_WORKERS)]
        command += [
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        process = start(command, log, dies_with_parent=signal.SIGTERM)
        try:
            if not poll(lambda: says_ready(port, "/docs"), 30):
                raise Failure(f"the peer does not start:\n{last_lines(log)}")
            yield port
        finally:
            process.stop(signal.SIGTERM, 15)

    def alternate(self, sides: dict[str, Callable[[], float]]) -> dict[str, float]:
        """Runs the sides in turn, several rounds; the medians."""
        found: dict[str, list[float]] = {name: [] for name in sides}
        order = list(sides)
        for number_of_round in range(self.rounds):
            for name in order:
                found[name].append(sides[name]())
            order.append(order.pop(0))  # nobody always runs after the same one
            text = ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in found.items())
            say(f"round {number_of_round + 1} of {self.rounds}: {text}")
        self.report.raw.update(found)
        return {name: statistics.median(values) for name, values in found.items()}


def run_tool(command: list[str], environment: dict[str, str] | None = None) -> str:
    """A tool's standard output; a Failure with what it said when it fails."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise Failure(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def says_ready(port: int, path: str) -> bool:
    """Whether an HTTP server answers 200 there."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        link.request("GET", path)
        return link.getresponse().status == 200
    return False
