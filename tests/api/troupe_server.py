"""A real Troupe for tests: fresh databases on both servers, a Redis of its own, the process itself."""

import contextlib
import csv
import dataclasses
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator

import httpx
import psycopg

BINARY = os.environ.get("TROUPE_BIN", "")
SERVERS = {"a": os.environ.get("TROUPE_TEST_PG_A", ""), "b": os.environ.get("TROUPE_TEST_PG_B", "")}
# Where TROUPE_TEST_ON_CITUS is set, the first database is spread over the workers of the test Citus.
CITUS = os.environ.get("TROUPE_TEST_CITUS", "") if "TROUPE_TEST_ON_CITUS" in os.environ else ""
DEMO_WORLD = ["--players", "60", "--studios", "4", "--seed", "7"]

# What tests need to be quick and to stay out of one another's way; a test that is about one of these sets it.
SETTINGS = {
    "http.port": "0",
    "operations.port": "0",
    "auth.password_ops_limit": "1",
    "auth.password_memory": "8KiB",
    "auth.password_workers": "2",
    "auth.lockout_attempts": "0",
    "limits.principal_rate": "0",
    "limits.address_rate": "0",
    # a busy machine may keep a renewal waiting
    "cluster.lease": "30s",
    "cluster.drain_delay": "0s",
    "log.level": "info",
    "log.format": "json",
}


def until(condition: Callable[[], object], what: str, seconds: float = 30, pause: float = 0.02):
    """Waits until the condition gives something true, and gives that."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(pause)


class Redis:
    """A Redis server of one's own, on a Unix socket."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(
            prefix="troupe-", dir="/tmp"
        )  # a socket's path must be short
        self.socket = f"{self.folder}/redis.sock"
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """For the setting redis.url."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Returns when it answers."""
        self.process = subprocess.Popen(
            [
                "redis-server",
                "--port",
                "0",
                "--unixsocket",
                self.socket,
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers, "Redis answers")

    def answers(self) -> bool:
        """Whether it is there."""
        done = subprocess.run(
            ["redis-cli", "-s", self.socket, "ping"], capture_output=True, check=False, timeout=10
        )
        return done.stdout.strip() == b"PONG"

    def stop(self) -> None:
        """At once, as if it had crashed."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        """Stops it and removes its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclasses.dataclass
class Credentials:
    """A log-in that `troupe generate` made."""

    name: str
    password: str
    role: str = "player"
    studio_id: str = ""


@dataclasses.dataclass
class World:
    """Everybody that `troupe generate` made."""

    players: list[Credentials]
    staff: list[Credentials]

    def of_role(self, role: str) -> Credentials:
        """The first of them."""
        return next(one for one in self.staff if one.role == role)

    def studios(self) -> list[Credentials]:
        """The studios' users."""
        return [one for one in self.staff if one.role == "studio"]


class Server:
    """A running `troupe serve`."""

    def __init__(
        self, arguments: list[str], environment: dict[str, str], log: pathlib.Path
    ) -> None:
        self.arguments = arguments
        self.environment = environment
        self.log = log
        self.ready_file = log.with_suffix(".ready")
        self.process: subprocess.Popen | None = None
        self.url = ""
        self.admin_url = ""

    def start(self) -> "Server":
        """Returns when it is ready for requests."""
        self.ready_file.unlink(missing_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*self.arguments, "serve", "--ready-file", str(self.ready_file)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

        def is_ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"troupe serve ended with {self.process.returncode}:\n{self.tail()}"
                )
            return self.ready_file.exists()

        try:
            until(is_ready, "troupe serve is ready", 60)
            ready = json.loads(self.ready_file.read_text(encoding="utf-8"))
            self.url, self.admin_url = ready["url"], ready["admin_url"]
            assert ready["pid"] == self.process.pid
            until(lambda: self.operations("/readyz").status_code == 200, "/readyz says 200", 60)
        except BaseException:
            self.kill()
            raise
        return self

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(
            self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        )

    def log_lines(self) -> list[dict]:
        """Every line of its log so far."""
        # without a last line that is being written
        lines = self.log.read_text(encoding="utf-8", errors="replace").rpartition("\n")[0]
        return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]

    def operations(self, path: str, method: str = "GET", **more) -> httpx.Response:
        """A request to the operations port."""
        return httpx.request(method, self.admin_url + path, timeout=10, **more)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of a metric that have these labels."""
        total = 0.0
        for line in self.operations("/metrics").text.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            if not found or found[1] != name:
                continue
            has = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            if all(has.get(key) == value for key, value in labels.items()):
                total += float(found[3])
        return total

    def alive(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def terminate(self) -> None:
        """Asks it to drain."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 40) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        """Drains it. Its exit code."""
        if not self.alive():
            return self.process.returncode if self.process else 0
        self.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> "Server":
        """Starts it again, on whatever ports are free."""
        assert not self.alive()
        return self.start()


class Cluster:
    """Two databases with the tables in them, a Redis, and the servers that were started on them."""

    def __init__(self, folder: pathlib.Path) -> None:
        if not BINARY or not all(SERVERS.values()):
            raise RuntimeError(
                "run this by ./dev test api: TROUPE_BIN, TROUPE_TEST_PG_A and _B are not set"
            )
        self.folder = folder
        self.redis = Redis()
        self.database = f"api_{secrets.token_hex(6)}"
        self.dsns = {
            name: urllib.parse.urlsplit(dsn)._replace(path="/" + self.database).geturl()
            for name, dsn in SERVERS.items()
        }
        if CITUS:
            self.dsns["a"] = (
                urllib.parse.urlsplit(CITUS)._replace(path="/" + self.database).geturl()
            )
        self.servers: list[Server] = []
        self.signing_key = secrets.token_hex(32)

    def create(self) -> "Cluster":
        """The databases and Redis; no tables yet."""
        for dsn in SERVERS.values():
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f'create database "{self.database}"')
        if CITUS:
            self.create_on_citus()
        self.redis.start()
        return self

    def create_on_citus(self) -> None:
        """The database on the coordinator and on its workers, which join it."""
        with psycopg.connect(CITUS, autocommit=True) as coordinator:
            # One at a time: a worker that joins gets the roles, which all databases share.
            coordinator.execute("select pg_advisory_lock(hashtext('create_on_citus'))")
            self.join_on_citus(coordinator)

    def join_on_citus(self, coordinator: psycopg.Connection) -> None:
        """What `create_on_citus` does while nobody else does."""
        password = coordinator.execute("select authinfo from pg_dist_authinfo").fetchone()
        ports = coordinator.execute("select nodeport from pg_dist_node order by groupid").fetchall()
        for (port,) in ports:
            with psycopg.connect(CITUS, port=port, autocommit=True) as connection:
                connection.execute("set citus.enable_ddl_propagation = off")
                connection.execute(f'create database "{self.database}"')
            with psycopg.connect(self.dsns["a"], port=port, autocommit=True) as connection:
                connection.execute("create extension citus")
                connection.execute(
                    "insert into pg_dist_authinfo values (0, 'troupe', %s)", password
                )
        with self.connect("a") as connection:
            connection.execute("select citus_set_coordinator_host('127.0.0.1', %s)", ports[0])
            for port in ports[1:]:
                connection.execute("select citus_add_node('127.0.0.1', %s)", port)

    def remove(self) -> None:
        """Ends everything and leaves nothing."""
        for server in self.servers:
            server.kill()
        self.redis.remove()
        # that of Citus goes with its servers, which belong to the run
        for dsn in SERVERS.values():
            with contextlib.suppress(psycopg.Error), psycopg.connect(
                dsn, autocommit=True
            ) as connection:
                connection.execute(f'drop database if exists "{self.database}" with (force)')

    def connect(self, name: str) -> psycopg.Connection:
        """A connection to one of the databases, to look into it."""
        return psycopg.connect(self.dsns[name], autocommit=True)

    def environment(self) -> dict[str, str]:
        """What a troupe process needs to know of this cluster."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TROUPE_")}
        return {
            **kept,
            "TROUPE_DATABASE_A_DSN": self.dsns["a"],
            "TROUPE_DATABASE_B_DSN": self.dsns["b"],
            "TROUPE_DATABASE_A_PLACEMENT": "citus" if CITUS else "postgres",
            "TROUPE_REDIS_URL": self.redis.url,
            "TROUPE_AUTH_SIGNING_KEY": self.signing_key,
        }

    @staticmethod
    def arguments(settings: dict[str, str]) -> list[str]:
        """The command line up to the command."""
        chosen = {**SETTINGS, **settings}
        return [
            BINARY,
            *(word for name, value in chosen.items() for word in ("--set", f"{name}={value}")),
        ]

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess:
        """Runs a sub-command to its end."""
        done = subprocess.run(
            [*self.arguments({}), *words],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(
                f"troupe {' '.join(words)} gave {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def migrate(self) -> "Cluster":
        """Makes the tables."""
        self.command("migrate", "up")
        return self

    def generate(self) -> World:
        """Fills the databases and tells who is in them."""
        self.command("generate", *DEMO_WORLD, "--out", str(self.folder))
        with open(self.folder / "players.csv", encoding="utf-8", newline="") as file:
            players = [Credentials(row["name"], row["password"]) for row in csv.DictReader(file)]
        with open(self.folder / "users.csv", encoding="utf-8", newline="") as file:
            staff = [
                Credentials(row["username"], row["password"], row["role"], row["studio_id"])
                for row in csv.DictReader(file)
            ]
        return World(players, staff)

    def serve(self, **settings: str) -> Server:
        """A started server. In names of settings, `__` stands for the dot."""
        return self.prepare(**settings).start()

    def prepare(self, **settings: str) -> Server:
        """One that is not started yet."""
        chosen = {name.replace("__", "."): value for name, value in settings.items()}
        log = self.folder / f"serve-{len(self.servers)}.log"
        server = Server(self.arguments(chosen), self.environment(), log)
        self.servers.append(server)
        return server


@contextlib.contextmanager
def fresh_cluster(folder: pathlib.Path) -> Iterator[Cluster]:
    """A migrated cluster that goes at the end."""
    cluster = Cluster(folder)
    try:
        yield cluster.create().migrate()
    finally:
        cluster.remove()
