"""Troupe with its own servers, for trying it and for working on it.

    up.py up --binary FILE [--detach] [--fresh] [--port N] [--admin-port N]
    up.py down

Everything is below .local/ of the checkout: the configuration (troupe.toml), the credentials of
the demo population (players.csv, users.csv), the servers' data (up/), what runs (up.json).
"""

import argparse
import contextlib
import csv
import fcntl
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from processes import Failure, Process, free_port, last_lines, poll, say, start, write_secret
from servers import Servers

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
LOCAL = TOP / ".local"
FOLDER = LOCAL / "up"
CONFIGURATION = LOCAL / "troupe.toml"
SUMMARY = LOCAL / "up.json"
POPULATION = ["--players", "1000", "--studios", "10", "--seed", "1"]

CONFIGURATION_TEXT = """\
# Written by ./dev up at every start. To try other settings: troupe --config COPY serve
[http]
address = "127.0.0.1"
port = {port}

[operations]
address = "127.0.0.1"
port = {admin_port}

[redis]
url = "{redis}"

[auth]
signing_key_file = "{signing_key}"

[log]
format = "{log_format}"

[[database]]
name = "a"
dsn = "{pg_a}"

[[database]]
name = "b"
dsn = "{pg_b}"
"""


class Instance:
    """The one Troupe of this checkout, with its servers. Only who holds the lock changes it."""

    def __init__(self) -> None:
        self.servers = Servers(FOLDER)
        self.log = FOLDER / "troupe.log"
        self.pid_file = FOLDER / "troupe.json"
        self.signing_key = FOLDER / "signing.key"
        self.generated = FOLDER / "generated"

    def start(self, binary: pathlib.Path, port: int, admin_port: int, log_format: str) -> Process:
        """Servers, migrations, at first the demo population, then Troupe; returns when it is ready."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        say("starting PostgreSQL (two) and Redis")
        self.servers.start()
        self.configure(port, admin_port, log_format)
        self.log.unlink(missing_ok=True)
        say("bringing the databases' tables up to date")
        self.command(binary, "migrate", "up")
        if not self.generated.exists():
            say("generating players, studios and games")
            self.command(binary, "generate", *POPULATION, "--out", str(LOCAL))
            self.generated.touch()
        say("starting Troupe")
        process = start([binary, "--config", CONFIGURATION, "serve"], self.log)
        process.write(self.pid_file)
        poll(lambda: answers(admin_port) or not process.alive(), 60, 0.05)
        if not process.alive():
            raise Failure(
                f"Troupe ended at once:\n{last_lines(self.log)}\nThe whole log: {self.log}"
            )
        if not answers(admin_port):
            raise Failure(
                f"Troupe is not ready after a minute:\n{last_lines(self.log)}\n"
                f"The whole log: {self.log}"
            )
        return process

    def configure(self, port: int, admin_port: int, log_format: str) -> None:
        """Writes the configuration and, once, the key that access tokens are signed with."""
        if not self.signing_key.exists():
            write_secret(self.signing_key, secrets.token_hex(32))
        text = CONFIGURATION_TEXT.format(
            port=port,
            admin_port=admin_port,
            log_format=log_format,
            signing_key=self.signing_key,
            **self.servers.addresses(),
        )
        write_secret(CONFIGURATION, text)

    def command(self, binary: pathlib.Path, *arguments: str) -> None:
        """A sub-command of Troupe's that has to succeed."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                [binary, "--config", CONFIGURATION, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise Failure(
                f"troupe {' '.join(arguments[:2])} failed:\n{last_lines(self.log)}\n"
                f"The whole log: {self.log}\n"
                "If the data is from an older version and may go: ./dev up --fresh"
            )

    def stop(self) -> None:
        """Troupe first, so that it can finish its writes, then the servers."""
        if process := Process.read(self.pid_file):
            say("stopping Troupe")
            if not process.stop(signal.SIGTERM, 20):
                say("Troupe did not end within 20 s and was killed")
        self.pid_file.unlink(missing_ok=True)
        say("stopping Redis and PostgreSQL")
        self.servers.stop()
        SUMMARY.unlink(missing_ok=True)

    def summary(self, process: Process, port: int, admin_port: int) -> dict:
        """What other programs need to know, as it is written to up.json."""
        return {
            "url": f"http://127.0.0.1:{port}",
            "admin_url": f"http://127.0.0.1:{admin_port}",
            "pids": {"troupe": process.pid, **self.servers.pids()},
            "dsns": self.servers.addresses(),
            "files": {
                "players_csv": str(LOCAL / "players.csv"),
                "users_csv": str(LOCAL / "users.csv"),
                "configuration": str(CONFIGURATION),
            },
            "log": str(self.log),
        }


def answers(admin_port: int) -> bool:
    """Whether Troupe says that it is ready."""
    with contextlib.suppress(OSError, ValueError):
        with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/readyz", timeout=2) as answer:
            return answer.status == 200
    return False


def choose_port(demanded: int | None, usual: int, option: str) -> int:
    """The demanded port or a clear failure; without one the usual or a free one."""
    port = free_port(demanded or usual)
    if demanded and port != demanded:
        raise Failure(
            f"port {demanded} is taken on 127.0.0.1; choose another by {option}, or leave it out"
        )
    if port != (demanded or usual):
        say(f"port {usual} is taken; using {port} (choose one by {option})")
    return port


def welcome(summary: dict) -> str:
    """What a newcomer wants to see."""
    url, files = summary["url"], summary["files"]
    with open(files["players_csv"], encoding="utf-8", newline="") as file:
        player = next(csv.DictReader(file))
    return f"""
  Troupe is up.

    API          {url}/v1
    its page     {url}/docs
    operations   {summary['admin_url']}  (/readyz?verbose, /metrics, /shards, /nodes)
    log          {summary['log']}
    players      {files['players_csv']}  (names and passwords of the demo players)
    staff        {files['users_csv']}  (studios, publishers, operators)

  A first request, to paste:

    TOKEN=$(curl -s {url}/v1/auth/token -d grant_type=password -d 'username={player["name"]}' \\
      -d 'password={player["password"]}' | sed -E 's/.*"access_token": *"([^"]*)".*/\\1/')
    curl -s -H "Authorization: Bearer $TOKEN" {url}/v1/players/me
"""


@contextlib.contextmanager
def changing() -> Iterator[None]:
    """Only one start or stop at a time."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "up.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                "another ./dev up or ./dev down is at work in this checkout; wait for it"
            ) from None
        yield


def up(arguments: argparse.Namespace) -> int:
    """Starts; in the foreground it then shows the log until Ctrl-C or until Troupe ends."""
    # as an exception, so that a half-done start is undone
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    with changing():
        instance = Instance()
        if Process.read(instance.pid_file):
            url = (
                json.loads(SUMMARY.read_text(encoding="utf-8"))["url"]
                if SUMMARY.exists()
                else "its port"
            )
            raise Failure(f"Troupe is already up at {url}; ./dev down stops it")
        if arguments.fresh:
            instance.servers.stop()
            shutil.rmtree(FOLDER, ignore_errors=True)
            instance = Instance()
        port = choose_port(arguments.port, 8000, "--port")
        admin_port = choose_port(arguments.admin_port, 8001, "--admin-port")
        try:
            log_format = "json" if arguments.detach else "text"  # for programs, for people
            process = instance.start(arguments.binary, port, admin_port, log_format)
            summary = instance.summary(process, port, admin_port)
            write_secret(SUMMARY, json.dumps(summary, indent=2) + "\n")
            print(welcome(summary), flush=True)
        except BaseException:
            signal.signal(
                signal.SIGINT, signal.SIG_IGN
            )  # the stop is bounded; a second Ctrl-C would leave things running
            instance.stop()
            raise
    if arguments.detach:
        print("  Stop it by: ./dev down\n", flush=True)
        return 0
    print("  Ctrl-C stops it. Its log:\n", flush=True)
    return foreground(instance, process)


def foreground(instance: Instance, process: Process) -> int:
    """Shows the log until the end, whoever brings it about."""
    over = threading.Event()
    reader = threading.Thread(target=follow, args=(instance.log, over))
    reader.start()
    code = 0
    try:
        while process.alive():
            time.sleep(0.2)
        if SUMMARY.exists():  # not by ./dev down
            say("Troupe has ended by itself; its last lines are above")
            code = 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as above
    with contextlib.suppress(Failure), changing():  # ./dev down may be at it already
        instance.stop()
    over.set()
    reader.join()
    return code


def follow(log: pathlib.Path, over: threading.Event) -> None:
    """Copies the log to the screen as it grows."""
    with log.open(encoding="utf-8", errors="replace") as file:
        while True:
            last = over.is_set()
            with contextlib.suppress(BrokenPipeError):
                shutil.copyfileobj(file, sys.stdout)
                sys.stdout.flush()
            if last:
                return
            over.wait(0.1)


def down() -> int:
    """Stops what ./dev up started, in whatever state it is."""
    with changing():
        instance = Instance()
        if not Process.read(instance.pid_file) and not instance.servers.pids():
            say("nothing is up")
            SUMMARY.unlink(missing_ok=True)
            return 0
        instance.stop()
    return 0


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="./dev", description="Troupe with its own servers.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up", help="start")
    verb.add_argument("--binary", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    verb.add_argument(
        "--detach", action="store_true", help="return when it is ready; ./dev down stops it"
    )
    verb.add_argument("--fresh", action="store_true", help="throw the data away first")
    verb.add_argument("--port", type=int, help="of the API; without it 8000 or a free one")
    verb.add_argument("--admin-port", type=int, help="of operations; without it 8001 or a free one")
    verbs.add_parser("down", help="stop")
    arguments = parser.parse_args()
    try:
        return up(arguments) if arguments.verb == "up" else down()
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything that was started is stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
