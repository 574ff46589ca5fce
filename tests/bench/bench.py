"""Measures Troupe against what a team would use instead, side by side on one machine: ./dev bench

    ./dev bench [NAME...] [--seconds N] [--rounds N] [--json FILE]

NAME is any of get, put, latency, links, million, events; without a name all of them, `quick` a short run of all. The rounds of
the two sides of a comparison alternate and medians are compared, because on one machine only ratios mean
anything. docs/operations/performance.md says what each figure means. The exit code is 1 when a figure is missed
and 2 when something could not be measured.

./dev starts the servers and gives TROUPE_BIN, TROUPE_TEST_PG_A, TROUPE_TEST_PG_B and TROUPE_TEST_REDIS.
"""

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import secrets
import signal
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator

import asyncpg
import event_feed

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "deploy" / "local"))

from processes import (
    Failure,
    Process,
    free_port,
    last_lines,
    poll,
    start,
    write_secret,
)  # noqa: E402

CONNECTIONS = 64
WRITE_CONNECTIONS = 256  # players who write at once
PGBENCH_CLIENTS = 32
PEER_WORKERS = 2  # one per core, as uvicorn's manual advises
PLAYERS = 12_000
HOT_PLAYERS = 10_000
STUDIOS = 40
PG_BIN = pathlib.Path("/usr/lib/postgresql/17/bin")
EVENTS = 10_000
RANGES = 1_000
PER_RANGE = 10  # events that a search finds
SEARCH_RATE = 10_000  # a second
NAMES = ("get", "put", "latency", "links", "million", "events")


def say(text: str) -> None:
    """Progress; the results go to standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


# ---- results ----


@dataclasses.dataclass
class Figure:
    """One line of the table. `value` must be at least `needed`, or at most when `less_is_better`."""

    measure: str
    ours: str
    theirs: str
    value: float
    needed: float
    unit: str
    less_is_better: bool = False

    @property
    def reached(self) -> bool:
        """Whether the figure holds."""
        return self.value <= self.needed if self.less_is_better else self.value >= self.needed

    def verdict(self) -> str:
        """Holds, or by how much it does not."""
        if self.reached:
            return "ok"
        part = abs(self.value / self.needed - 1) * 100
        return f"MISSED by {part:.0f} %"


@dataclasses.dataclass
class Report:
    """What was found."""

    figures: list[Figure] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    raw: dict = dataclasses.field(default_factory=dict)

    def note(self, text: str) -> None:
        """A figure without a demand, or a check that passed."""
        say(text)
        self.notes.append(text)

    def print(self) -> None:
        """The table."""
        head = ("measure", "ours", "theirs", "result", "needed", "")
        rows = [head]
        for f in self.figures:
            sign = "<=" if f.less_is_better else ">="
            rows.append(
                (
                    f.measure,
                    f.ours,
                    f.theirs,
                    f"{f.value:.2f} {f.unit}",
                    f"{sign} {f.needed:.2f} {f.unit}",
                    f.verdict(),
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        print()
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        print()
        for note in self.notes:
            print(f"* {note}")

    def write(self, file: pathlib.Path) -> None:
        """The same for programs."""
        figures = [{**dataclasses.asdict(f), "reached": f.reached} for f in self.figures]
        content = {"figures": figures, "notes": self.notes, "raw": self.raw}
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def per_second(rate: float) -> str:
    """A rate for the table."""
    return f"{rate:,.0f}/s"


# ---- databases ----


def with_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urllib.parse.urlsplit(dsn)._replace(path=f"/{name}").geturl()


def sql(dsn: str, *statements: str) -> list:
    """Runs them; the rows of the last."""

    async def run() -> list:
        connection = await asyncpg.connect(dsn)
        try:
            rows = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


def number(dsn: str, query: str) -> int:
    """The one number of a query."""
    return sql(dsn, query)[0][0]


def fresh_database(server: str, name: str) -> str:
    """Its DSN."""
    sql(server, f"drop database if exists {name} with (force)", f"create database {name}")
    return with_database(server, name)


# ---- what runs ----


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


# ---- the players of get, put and latency ----


@dataclasses.dataclass
class World:
    """Databases with players, and the files for the load generators."""

    databases: list[str]
    peer_database: str
    config: pathlib.Path
    tokens: pathlib.Path
    hot_tokens: pathlib.Path
    games: pathlib.Path
    pairs: pathlib.Path
    pair_count: int
    registrations: int
    used_pairs: int = 0
    used_peer_pairs: int = 0

    def count(self, query: str) -> int:
        """A number summed over both databases."""
        return sum(number(dsn, query) for dsn in self.databases)


def settle_wal(server: str) -> None:
    """Lets a new server have WAL segments to use again, as one has that has run for a while. Each new segment of
    16 MiB is filled with zeros while every commit waits, 30 to 60 ms, on ours and on pgbench's side alike.
    """
    for _ in range(64):  # min_wal_size
        sql(server, "select pg_logical_emit_message(false, 'bench', '')", "select pg_switch_wal()")
    sql(server, "checkpoint")


def make_world(bench: Bench) -> World:
    """Fresh databases; every pair of a player and a game that is not registered, in an order that spreads both."""
    say(f"generating {PLAYERS:,} players and {STUDIOS} studios")
    databases = [fresh_database(server, "troupe_bench") for server in bench.pg]
    config = bench.config("bench", databases)
    bench.troupe("migrate", "up", config=config)
    out = bench.folder / "accounts"
    out.mkdir(exist_ok=True)
    bench.troupe(
        "generate",
        "--players",
        PLAYERS,
        "--studios",
        STUDIOS,
        "--out",
        out,
        "--quiet",
        config=config,
    )

    for server in bench.pg:
        settle_wal(server)
    for dsn in databases:  # for pgbench
        sql(
            dsn,
            "create table insert_bench (shard_id integer not null, player_id uuid not null,"
            " game_id uuid not null, registered_at timestamptz not null,"
            " primary key (shard_id, player_id, game_id))",
        )

    players, taken, games = [], [], []
    for dsn in databases:
        players += sql(dsn, "select player_id, name, created_at from troupe.player")
        taken += sql(dsn, "select player_id, game_id from troupe.player_game")
        games += sql(dsn, "select game_id, name from troupe.game")
    players.sort()
    games.sort()
    random.Random(1).shuffle(players)
    index_of_player = {row["player_id"]: index for index, row in enumerate(players)}
    index_of_game = {row["game_id"]: index for index, row in enumerate(games)}
    known = {(index_of_player[row[0]], index_of_game[row[1]]) for row in taken}
    pairs, count = bytearray(), 0
    for turn in range(len(games)):
        for player in range(len(players)):
            game = (player * 7 + turn) % len(games)
            if (player, game) not in known:
                pairs += struct.pack("<IH", player, game)
                count += 1

    def lines(name: str, values: list) -> pathlib.Path:
        file = bench.folder / name
        write_secret(file, "\n".join(str(value) for value in values) + "\n")
        return file

    pairs_file = bench.folder / "pairs.bin"
    pairs_file.write_bytes(pairs)
    tokens = bench.mint([row["player_id"] for row in players])
    peer_database = fresh_database(bench.pg[0], "peer_bench")
    fill_peer(bench, peer_database, players, games)
    return World(
        databases=databases,
        peer_database=peer_database,
        config=config,
        tokens=lines("tokens.txt", tokens),
        hot_tokens=lines("hot_tokens.txt", tokens[:HOT_PLAYERS]),
        games=lines("games.txt", [row["game_id"] for row in games]),
        pairs=pairs_file,
        pair_count=count,
        registrations=len(taken),
    )


def make_peer_tables(bench: Bench, dsn: str) -> None:
    """The peer's tables, empty."""
    environment = {
        "PEER_DATABASE_URL": dsn.replace("postgresql://", "postgresql+asyncpg://"),
        "PEER_SIGNING_KEY": bench.signing_key,
    }
    code = "import asyncio, app; asyncio.run(app.create_tables())"
    run_tool(["env", "-C", str(HERE / "peer_fastapi"), sys.executable, "-c", code], environment)


def fill_peer(bench: Bench, dsn: str, players: list, games: list) -> None:
    """The peer's tables with the same players and games."""
    make_peer_tables(bench, dsn)

    async def copy() -> None:
        connection = await asyncpg.connect(dsn)
        zone = datetime.timezone.utc
        await connection.copy_records_to_table(
            "player",
            schema_name="peer",
            columns=["id", "name", "created_at"],
            records=[
                (row[0], row[1], row[2].astimezone(zone).replace(tzinfo=None)) for row in players
            ],
        )
        await connection.copy_records_to_table(
            "game",
            schema_name="peer",
            columns=["id", "name"],
            records=[(row[0], row[1]) for row in games],
        )
        await connection.execute("analyze")
        await connection.close()

    asyncio.run(copy())


# ---- the measures ----


def measure_get(bench: Bench, world: World, port: int, peer_port: int) -> None:
    """GET /v1/players/me from memory, against nginx and the peer."""
    token = world.hot_tokens.read_text(encoding="utf-8").split("\n", 1)[0]
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    link.request("GET", "/v1/players/me", headers={"Authorization": f"Bearer {token}"})
    answer = link.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Failure(
            f"GET /v1/players/me answered {answer.status}: {body.decode(errors='replace')}"
        )
    say(
        f"get: GET /v1/players/me of {HOT_PLAYERS:,} players with {CONNECTIONS} connections; nginx with a body of"
        f" {len(body)} bytes; {bench.rounds} rounds of {bench.seconds} s each"
    )
    with bench.nginx(body) as nginx_port:
        for each in (port, peer_port, nginx_port):  # warm: players in memory, statements prepared
            bench.wrk(each, 2, "me", world.hot_tokens)
        found = bench.alternate(
            {
                "get troupe": lambda: bench.wrk(port, bench.seconds, "me", world.hot_tokens),
                "get nginx": lambda: bench.wrk(nginx_port, bench.seconds, "me", world.hot_tokens),
                "get peer": lambda: bench.wrk(peer_port, bench.seconds, "me", world.hot_tokens),
            }
        )
    ours = found["get troupe"]
    for name, theirs, needed in (
        ("nginx, static body", found["get nginx"], 0.40),
        ("FastAPI peer", found["get peer"], 15.0),
    ):
        bench.report.figures.append(
            Figure(
                f"GET me : {name}", per_second(ours), per_second(theirs), ours / theirs, needed, "x"
            )
        )


@contextlib.contextmanager
def linked_nodes(bench: Bench, world: World, mode: str) -> Iterator[tuple[int, int]]:
    """The ports of a node that owns all shards and of one that owns none, with links between them."""

    def flags(node: str, roles: str) -> list[str]:
        chosen = [f"--cluster.node={node}", f"--cluster.roles={roles}", f"--links.mode={mode}"]
        chosen += ["--cluster.drain_delay=0s"]
        if mode == "tls":
            for setting, file in (("certificate", f"{node}.crt"), ("key", f"{node}.key")):
                chosen.append(f"--links.{setting}_file={certificates / file}")
            chosen.append(f"--links.authority_file={certificates / 'ca.crt'}")
        return chosen

    certificates = bench.folder / "certificates"
    out = ("--out", certificates, "--force")
    bench.troupe("certs", "ca", *out, config=world.config)
    for node in ("owner", "gateway"):
        bench.troupe("certs", "node", node, "--ip", "127.0.0.1", *out, config=world.config)
    owner = flags("owner", "gateway,directory,player,catalog")
    with bench.serving(world.config, *owner, name="owner") as (there, _):
        with bench.serving(world.config, *flags("gateway", "gateway"), name="gateway") as (here, _):
            for port in (there, here):  # warm
                bench.wrk(port, 2, "me", world.hot_tokens)
            yield there, here


def measure_links(bench: Bench, world: World) -> None:
    """GET /v1/players/me through a node that owns nothing, against the owner's node; TLS against plain links."""
    say(
        f"links: GET /v1/players/me of {HOT_PLAYERS:,} players with {CONNECTIONS} connections, two nodes;"
        f" {bench.rounds} rounds of {bench.seconds} s each"
    )

    def read(port: int) -> float:
        return bench.wrk(port, bench.seconds, "me", world.hot_tokens)

    remote: dict[str, list[float]] = {"tls": [], "plain": []}
    shares: dict[str, list[float]] = {"tls": [], "plain": []}
    for number_of_round in range(bench.rounds):
        for mode in ("tls", "plain") if number_of_round % 2 else ("plain", "tls"):
            with linked_nodes(bench, world, mode) as (there, here):
                local, through = read(there), read(here)
            remote[mode].append(through)
            shares[mode].append(through / local)
            say(
                f"round {number_of_round + 1} of {bench.rounds}: {mode} links {through:,.0f}/s,"
                f" at the owner {local:,.0f}/s"
            )
    bench.report.raw.update({f"links {mode}": values for mode, values in remote.items()})
    tls, plain = (statistics.median(remote[mode]) for mode in ("tls", "plain"))
    share = statistics.median(shares["tls"])
    ratio = statistics.median(a / b for a, b in zip(remote["tls"], remote["plain"]))
    bench.report.figures += [
        Figure("GET me through a link", per_second(tls), per_second(tls / share), share, 0.5, "x"),
        Figure("links: TLS, plain", per_second(tls), per_second(plain), ratio, 0.8, "x"),
    ]


class Writes:
    """PUT by wrk from where the last one ended, and what came of it."""

    def __init__(self, bench: Bench, world: World, port: int, peer_port: int):
        self.bench = bench
        self.world = world
        self.port = port
        self.peer_port = peer_port
        self.acknowledged = 0
        self.runs = 0
        self.script = bench.folder / "insert.sql"
        self.script.write_text(
            "\\set shard random(0, 255)\n"
            "insert into insert_bench (shard_id, player_id, game_id, registered_at)"
            " values (:shard, gen_random_uuid(), gen_random_uuid(), now());\n",
            encoding="utf-8",
        )

    def troupe(self) -> float:
        """One round; every request is a new registration."""
        world = self.world
        rate, requests = self.bench.wrk_counted(
            self.port,
            self.bench.seconds,
            "put",
            world.tokens,
            world.games,
            world.pairs,
            world.used_pairs,
        )
        world.used_pairs += (
            requests + WRITE_CONNECTIONS + 1
        )  # wrk asks its script once before it starts
        self.acknowledged += requests
        self.runs += 1
        return rate

    def peer(self) -> float:
        """The same of the peer."""
        world = self.world
        rate, requests = self.bench.wrk_counted(
            self.peer_port,
            self.bench.seconds,
            "put",
            world.tokens,
            world.games,
            world.pairs,
            world.used_peer_pairs,
        )
        world.used_peer_pairs += requests + WRITE_CONNECTIONS + 1
        return rate

    def start_pgbench(self, dsn: str, clients: int, *options: object) -> subprocess.Popen:
        """One row per transaction, prepared, durable; the rows look like a registration's."""
        parts = urllib.parse.urlsplit(dsn)
        command = [PG_BIN / "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 1]
        command += ["-f", self.script, "-h", parts.hostname, "-p", parts.port, "-U", parts.username]
        environment = {
            **os.environ,
            "PGPASSWORD": urllib.parse.unquote(parts.password or ""),
            "PGOPTIONS": "-c synchronous_commit=on",
        }
        return subprocess.Popen(
            [str(word) for word in [*command, *options, parts.path[1:]]],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def pgbench(self, *servers: str) -> float:
        """Transactions a second with all clients together, as fast as it goes."""
        clients = PGBENCH_CLIENTS // len(servers)
        running = [self.start_pgbench(dsn, clients, "-T", self.bench.seconds) for dsn in servers]
        total = 0.0
        for process in running:
            text, _ = process.communicate()
            found = re.search(r"^tps = ([\d.]+)", text, re.MULTILINE)
            if process.returncode or not found:
                raise Failure(f"pgbench said: {text}")
            total += float(found.group(1))
        return total

    def pgbench_p99(self, dsn: str, rate: float) -> float:
        """The p99 of pgbench at a rate, in ms, from when each transaction was due."""
        prefix = self.bench.folder / "pgbench_log"
        options = [
            "-T",
            self.bench.seconds,
            "--rate",
            f"{rate:.0f}",
            "--log",
            "--log-prefix",
            prefix,
        ]
        process = self.start_pgbench(dsn, PGBENCH_CLIENTS, *options)
        text, _ = process.communicate()
        took = []
        for file in self.bench.folder.glob(f"{prefix.name}.*"):
            took += [int(line.split()[2]) for line in file.read_text(encoding="utf-8").splitlines()]
            file.unlink()
        if process.returncode or not took:
            raise Failure(f"pgbench said: {text}")
        return sorted(took)[len(took) * 99 // 100] / 1000

    def check(self) -> None:
        """Every acknowledged registration is there, none twice. A request that wrk did not wait for may be there too."""
        rows = (
            self.world.count("select count(*) from troupe.player_game") - self.world.registrations
        )
        open_ends = self.runs * WRITE_CONNECTIONS
        if not self.acknowledged <= rows <= self.acknowledged + open_ends:
            raise Failure(
                f"{self.acknowledged} registrations were acknowledged (and up to {open_ends} cut off by wrk's end),"
                f" but there are {rows} new rows"
            )
        check_counters(self.world)
        self.bench.report.note(
            f"after the writes: {self.acknowledged:,} acknowledged, {rows:,} rows"
            f" (wrk cuts off up to {WRITE_CONNECTIONS} at each end), the counters are exact"
        )


def check_counters(world: World) -> None:
    """The counters are the counts."""
    wrong = world.count(
        "select count(*) from (select shard_id, game_id, count(*) as players from troupe.player_game group by 1, 2) a"
        " full join (select shard_id, game_id, players from troupe.game_counter where players <> 0) b"
        " using (shard_id, game_id) where a.players is distinct from b.players"
    )
    if wrong:
        raise Failure(f"{wrong} counters of players per game are wrong")


def measure_put(bench: Bench, world: World, port: int, peer_port: int) -> None:
    """Durable registrations, against pgbench and the peer."""
    say(
        f"put: PUT /v1/players/me/games/ID by {PLAYERS:,} players with {WRITE_CONNECTIONS} connections, no pair twice; pgbench"
        f" with {PGBENCH_CLIENTS} clients; {bench.rounds} rounds of {bench.seconds} s each"
    )
    writes = Writes(bench, world, port, peer_port)
    writes.troupe()  # warm
    writes.peer()
    found = bench.alternate(
        {
            "put troupe": writes.troupe,
            "put pgbench": lambda: writes.pgbench(world.databases[0]),
            "put pgbench on both servers": lambda: writes.pgbench(*world.databases),
            "put peer": writes.peer,
        }
    )
    writes.check()
    ours = found["put troupe"]
    bench.top_put_rate = ours
    for name, theirs, needed in (
        ("pgbench, 32 clients, one server", found["put pgbench"], 1.0),
        ("FastAPI peer", found["put peer"], 8.0),
    ):
        bench.report.figures.append(
            Figure(
                f"PUT game : {name}",
                per_second(ours),
                per_second(theirs),
                ours / theirs,
                needed,
                "x",
            )
        )
    both = found["put pgbench on both servers"]
    bench.report.note(
        f"pgbench with 16 clients on each of the two servers at once: {both:,.0f}/s; ours is {ours / both:.2f} x of that"
    )


def measure_latency(bench: Bench, world: World, port: int) -> None:
    """p99 of the write at half its top rate, counted from when each request was due."""
    writes = Writes(bench, world, port, 0)
    if not bench.top_put_rate:
        bench.top_put_rate = statistics.median(writes.troupe() for _ in range(3))
    rate = bench.top_put_rate / 2
    say(
        f"latency: the same PUT at {rate:,.0f}/s, open loop, {bench.rounds} rounds of {2 * bench.seconds} s"
    )
    before = world.count("select count(*) from troupe.player_game")
    found, theirs, sent = [], [], 0
    for number_of_round in range(bench.rounds):
        count = int(rate * bench.seconds * 2)
        if world.used_pairs + count > world.pair_count:
            raise Failure(
                "there are not enough pairs of players and games; take fewer --seconds or --rounds"
            )
        files = (world.tokens, world.games, world.pairs)
        with DiskWatch(bench.folder) as disk:
            result = bench.paced(
                port, "put", *files, "--from", world.used_pairs, "--count", count, "--rate", f"{rate:.0f}",
                "--connections", WRITE_CONNECTIONS,
            )  # fmt: skip
        world.used_pairs += count
        sent += count
        found.append(result)
        theirs.append(writes.pgbench_p99(world.databases[0], rate))
        say(
            f"round {number_of_round + 1} of {bench.rounds}: p50 {result['p50']:.1f} ms, p99 {result['p99']:.1f} ms,"
            f" p99.9 {result['p999']:.1f} ms, longest {result['max']:.1f} ms; p99 of pgbench at that rate {theirs[-1]:.1f} ms;"
            f" the disk: {disk.text()}"
        )
    rows = world.count("select count(*) from troupe.player_game") - before
    if rows != sent:
        raise Failure(f"{sent} registrations were acknowledged, but there are {rows} new rows")
    check_counters(world)
    bench.report.note(
        f"after the paced writes: {sent:,} acknowledged, {rows:,} rows, the counters are exact"
    )
    bench.report.raw["latency"] = found
    middle = {
        key: statistics.median(each[key] for each in found) for key in ("p50", "p99", "p999", "max")
    }
    bench.report.figures.append(
        Figure(
            f"PUT game at {rate:,.0f}/s: p99",
            f"p50 {middle['p50']:.1f} ms",
            f"pgbench p99 {statistics.median(theirs):.1f} ms",
            middle["p99"],
            20.0,
            "ms",
            less_is_better=True,
        )
    )


def measure_million(bench: Bench) -> None:
    """How fast data is generated, and that memory stays bounded when all of it is touched."""
    players, hot_mib = bench.million, 64
    if players < 1_000_000:
        hot_mib = max(1, 64 * players // 1_000_000)
    databases = [fresh_database(server, "troupe_million") for server in bench.pg]
    config = bench.config("million", databases, actors__hot_memory=f'"{hot_mib}MiB"')
    bench.troupe("migrate", "up", config=config)
    out = bench.folder / "million"
    out.mkdir(exist_ok=True)
    say(f"million: generating {players:,} players")
    started = time.monotonic()
    bench.troupe("generate", "--players", players, "--studios", 10, "--out", out, config=config)
    took = time.monotonic() - started
    for file in out.iterdir():
        file.unlink()
    bench.report.figures.append(
        Figure(
            f"generate {players:,} players",
            f"{took:.1f} s",
            "-",
            players / took / 1000,
            50.0,
            "thousand/s",
        )
    )

    ids = []
    for dsn in databases:
        ids += [row[0] for row in sql(dsn, "select player_id from troupe.player")]
    random.Random(1).shuffle(ids)
    ids_file, token_file = bench.folder / "ids.txt", bench.folder / "one_token.txt"
    write_secret(ids_file, "\n".join(str(each) for each in ids) + "\n")
    write_secret(token_file, bench.mint(ids[:1])[0] + "\n")
    with bench.serving(config) as (port, process):
        memory = Memory(process.pid)
        idle = memory.sample()
        say(
            f"million: touching all {players:,} players twice by GET /v1/players/ID, with room for {hot_mib} MiB of"
            f" them; idle: {idle:.0f} MiB"
        )
        rates = []
        with memory:
            for turn in range(2):
                found = bench.paced(
                    port,
                    "get",
                    token_file,
                    ids_file,
                    "--count",
                    players,
                    "--connections",
                    CONNECTIONS,
                )
                rates.append(found["rate"])
                memory.mark()
                say(
                    f"pass {turn + 1}: {found['rate']:,.0f} cold reads/s, VmRSS {memory.marks[-1]:.0f} MiB"
                )
    grown = max(memory.samples) - idle
    bench.report.raw["memory_mib"] = memory.samples
    course = memory.samples[:: max(1, len(memory.samples) // 12)]
    bench.report.note(
        f"VmRSS of troupe serve over both passes, MiB: {' '.join(f'{each:.0f}' for each in course)}"
        f" (idle {idle:.0f}, configured hot memory {hot_mib}); {statistics.median(rates):,.0f} cold reads/s"
    )
    # the rest: connections' buffers, the allocator's slack, and what the database's answers are read into
    bench.report.figures.append(
        Figure(
            f"growth of memory over {players:,} players",
            f"{grown:.0f} MiB",
            f"{hot_mib} MiB configured",
            grown,
            hot_mib * 1.5 + 64,
            "MiB",
            less_is_better=True,
        )
    )
    second = max(memory.samples[len(memory.samples) // 2 :]) - memory.marks[0]
    bench.report.note(f"growth in the second pass: {second:.0f} MiB")


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

    def fetch(self, provider: str) -> tuple[dict, float]:
        """One whole fetch: what came of it, and its seconds."""
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
        if report["failure"] or report["rejected"]:
            raise Failure(f"a fetch went wrong: {report}")
        return report, time.monotonic() - started


class Fetching:
    """Fetches a provider again and again while it is entered."""

    def __init__(self, operator: Operator, provider: str):
        self.operator = operator
        self.provider = provider
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
                self.fetches.append(self.operator.fetch(self.provider))
        except (Failure, OSError, http.client.HTTPException) as error:
            self.failure = Failure(f"a fetch during the load: {error}")

    def __enter__(self) -> "Fetching":
        self.thread.start()
        self.begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


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


def fill_peer_events(bench: Bench, dsn: str, port: int) -> None:
    """The peer's table with the events that Troupe's search shows; local times are UTC."""
    make_peer_tables(bench, dsn)
    rows = []
    for one in json.loads(body_of(port, "/search"))["data"]["events"]:
        starts, ends = (
            datetime.datetime.fromisoformat(f"{one[f'{end}_date']}T{one[f'{end}_time']}")
            for end in ("start", "end")
        )
        zone = datetime.timezone.utc
        instants = (starts.replace(tzinfo=zone), ends.replace(tzinfo=zone))
        prices = (one["min_price"], one["max_price"])
        rows.append((uuid.UUID(one["id"]), one["title"], *instants, starts, ends, *prices))

    async def copy() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.copy_records_to_table("event", schema_name="peer", records=rows)
        await connection.execute("analyze")
        await connection.close()

    asyncio.run(copy())


def write_ranges(bench: Bench) -> tuple[pathlib.Path, list[str]]:
    """The searches of the load: their file and themselves."""
    paths = [
        f"/search?starts_at={start.isoformat()}Z&ends_at={end.isoformat()}Z"
        for start, end in event_feed.ranges(RANGES, EVENTS, PER_RANGE)
    ]
    file = bench.folder / "searches.txt"
    file.write_text("\n".join(paths) + "\n", encoding="utf-8")
    return file, paths


def measure_search(bench: Bench, port: int, peer_port: int) -> pathlib.Path:
    """The rate of /search, against nginx and the peer, which must answer the same. The file of its searches."""
    file, paths = write_ranges(bench)
    sizes, found = [], []
    for path in paths:
        ours = body_of(port, path)
        answer = json.loads(ours)
        if answer != json.loads(body_of(peer_port, path)):
            raise Failure(f"the peer answers something else to GET {path}")
        sizes.append(len(ours))
        found.append(len(answer["data"]["events"]))
    body = min(
        (body_of(port, path) for path in paths),
        key=lambda each: abs(len(each) - statistics.mean(sizes)),
    )
    say(
        f"events: /search of {EVENTS:,} events, {RANGES:,} ranges that hold {statistics.mean(found):.1f} ({min(found)} to"
        f" {max(found)}), the peer's answers are the same; nginx with a body of {len(body)} bytes; {CONNECTIONS}"
        f" connections, {bench.rounds} rounds of {bench.seconds} s each"
    )
    with bench.nginx(body) as nginx_port:
        for each in (port, peer_port, nginx_port):  # warm
            bench.wrk(each, 2, "search", file)
        rates = bench.alternate(
            {
                "search troupe": lambda: bench.wrk(port, bench.seconds, "search", file),
                "search nginx": lambda: bench.wrk(nginx_port, bench.seconds, "search", file),
                "search peer": lambda: bench.wrk(peer_port, bench.seconds, "search", file),
            }
        )
    ours = rates["search troupe"]
    for name, theirs, needed in (
        ("nginx, static body", rates["search nginx"], 0.35),
        ("FastAPI peer", rates["search peer"], 10.0),
    ):
        bench.report.figures.append(
            Figure(
                f"/search : {name}",
                per_second(ours),
                per_second(theirs),
                ours / theirs,
                needed,
                "x",
            )
        )
    bench.report.figures.append(
        Figure("/search", per_second(ours), "-", ours / 1000, SEARCH_RATE / 1000, "thousand/s")
    )
    return file


def paced_search(bench: Bench, port: int, file: pathlib.Path) -> dict:
    """Searches at SEARCH_RATE for twice the seconds of a round."""
    return bench.paced(
        port, "search", file, "--count", SEARCH_RATE * bench.seconds * 2, "--rate", SEARCH_RATE,
        "--connections", CONNECTIONS,
    )  # fmt: skip


def measure_search_latency(
    bench: Bench, port: int, file: pathlib.Path, operator: Operator, provider: str
) -> None:
    """p99 of /search at SEARCH_RATE, alone and while a large feed is fetched all the time."""
    alone, beside = [], []
    fetches: list[tuple[dict, float]] = []
    for number_of_round in range(bench.rounds):
        alone.append(paced_search(bench, port, file))
        with Fetching(operator, provider) as fetching:
            beside.append(paced_search(bench, port, file))
        if fetching.failure:
            raise fetching.failure
        fetches += fetching.fetches
        say(
            f"round {number_of_round + 1} of {bench.rounds}: p99 {alone[-1]['p99']:.1f} ms alone (longest"
            f" {alone[-1]['max']:.1f} ms), {beside[-1]['p99']:.1f} ms with fetches (longest {beside[-1]['max']:.1f} ms)"
        )
    bench.report.raw.update({"search alone": alone, "search during fetches": beside})
    for name, found, needed in (("", alone, 10.0), (" during fetches", beside, 20.0)):
        bench.report.figures.append(
            Figure(
                f"/search at {SEARCH_RATE:,}/s{name}: p99",
                f"p50 {statistics.median(each['p50'] for each in found):.1f} ms",
                "-",
                statistics.median(each["p99"] for each in found),
                needed,
                "ms",
                less_is_better=True,
            )
        )
    took = ", ".join(f"{seconds:.1f}" for _, seconds in fetches)
    changed = ", ".join(f"{report['changed']:,}" for report, _ in fetches)
    bench.report.note(
        f"fetches during the load: {took} s, with {changed} changed events; every search was answered with 200;"
        f" {operator.timed_out} of all requests for a fetch were answered 503 instead of 202"
    )


def measure_large_fetch(
    bench: Bench, process: Process, feeds: event_feed.FeedServer, operator: Operator
) -> None:
    """The time and the memory of a large feed, and what a second fetch of the same writes."""
    provider = operator.add("Large halls", feeds.url("/large"))
    memory = Memory(process.pid)
    idle = memory.sample()
    memory.forget_peak()
    report, seconds = operator.fetch(provider)
    peak = memory.peak()
    name = f"{event_feed.LARGE_EVENTS:,} events of {event_feed.LARGE_ZONES} zones"
    if report["changed"] != event_feed.LARGE_EVENTS:
        raise Failure(f"a fetch of {name} found {report}")
    again, again_seconds = operator.fetch(provider)
    if again["changed"]:
        raise Failure(f"the same answer again changed events: {again}")
    size = feeds.bytes_of["/large"] / 1e6
    bench.report.note(
        f"fetch of {name}, {size:.0f} MB: {seconds:.1f} s, memory {idle:.0f} MiB before and {peak:.0f} MiB"
        f" at most; the same answer again: {again_seconds:.1f} s, no event changed"
    )
    for measure, value, needed, unit in (
        (f"fetch of {name}", seconds, 10.0, "s"),
        ("its memory above idle", (peak - idle) * 1.048576, 200.0, "MB"),
    ):
        bench.report.figures.append(
            Figure(measure, f"{value:.1f} {unit}", "-", value, needed, unit, less_is_better=True)
        )


def measure_events(bench: Bench) -> None:
    """The search of events and the fetches that feed it."""
    databases = [fresh_database(server, "troupe_events") for server in bench.pg]
    config = bench.config("events", databases, providers__allow_private="true")
    bench.troupe("migrate", "up", config=config)
    for server in bench.pg:
        settle_wal(server)
    editions = itertools.cycle((1, 2))
    planned = event_feed.plan(EVENTS)
    served: dict[str, event_feed.Feed] = {
        "/searched": lambda: event_feed.searched(planned),
        "/large": lambda: event_feed.large(0),
        "/changing": lambda: event_feed.large(next(editions)),
    }
    with event_feed.FeedServer(served) as feeds, bench.serving(config, name="events") as (
        port,
        process,
    ):
        operator = Operator(bench, port)
        report, seconds = operator.fetch(operator.add("Operas", feeds.url("/searched")))
        bench.report.note(f"fetch of {EVENTS:,} events of 2 zones: {seconds:.1f} s")
        if report["changed"] != EVENTS:
            raise Failure(f"the fetch of {EVENTS:,} events found {report}")
        if not poll(lambda: body_of(port, "/search").count(b'"id":') == EVENTS, 30):
            raise Failure("the search does not show what was fetched")
        peer_database = fresh_database(bench.pg[0], "peer_events")
        fill_peer_events(bench, peer_database, port)
        with bench.peer(peer_database) as peer_port:
            file = measure_search(bench, port, peer_port)
        measure_large_fetch(bench, process, feeds, operator)
        changing = operator.add("Changing halls", feeds.url("/changing"))
        measure_search_latency(bench, port, file, operator, changing)
    sql(bench.pg[0], "drop database if exists peer_events with (force)")
    for server in bench.pg:
        sql(server, "drop database if exists troupe_events with (force)")


class DiskWatch:
    """Writes a page durably every 5 ms while it is entered: no durable write can be faster than the disk is."""

    slow = 0.010  # seconds

    def __init__(self, folder: pathlib.Path):
        self.file = folder / "disk_watch"
        self.took: list[float] = []
        self.seconds = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self) -> None:
        """Until it is done."""
        page = b"\0" * 8192
        with self.file.open("wb", buffering=0) as file:
            file.write(page)
            os.fsync(file.fileno())
            started = time.monotonic()
            while not self.done.wait(0.005):
                os.pwrite(file.fileno(), page, 0)
                before = time.monotonic()
                os.fdatasync(file.fileno())
                self.took.append(time.monotonic() - before)
            self.seconds = time.monotonic() - started
        self.file.unlink()

    def text(self) -> str:
        """How long it took at most, and how much of the time it was in calls of 10 ms and more."""
        stalled = sum(each for each in self.took if each >= self.slow)
        return (
            f"a bare fdatasync took up to {max(self.took) * 1000:.0f} ms,"
            f" calls over {self.slow * 1000:.0f} ms {stalled / self.seconds:.1%} of the time"
        )

    def __enter__(self) -> "DiskWatch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


class Memory:
    """Samples a process's VmRSS in MiB, twice a second while it is entered."""

    def __init__(self, pid: int):
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.samples: list[float] = []
        self.marks: list[float] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def sample(self) -> float:
        """Now."""
        return self.read("VmRSS")

    def peak(self) -> float:
        """The most since forget_peak()."""
        return self.read("VmHWM")

    def forget_peak(self) -> None:
        """Lets the peak start from what it is now."""
        self.status.with_name("clear_refs").write_text("5", encoding="utf-8")

    def read(self, what: str) -> float:
        """A line of the status, in MiB."""
        found = re.search(
            rf"^{what}:\s+(\d+) kB", self.status.read_text(encoding="utf-8"), re.MULTILINE
        )
        if not found:
            raise Failure("troupe serve has ended")
        return int(found.group(1)) / 1024

    def mark(self) -> None:
        """Remembers what it is at this point."""
        self.marks.append(self.sample())

    def watch(self) -> None:
        """Until it is done or the process is gone."""
        while not self.done.wait(0.5):
            try:
                self.samples.append(self.sample())
            except (OSError, Failure):
                return

    def __enter__(self) -> "Memory":
        self.samples.append(self.sample())
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        with contextlib.suppress(OSError, Failure):
            self.samples.append(self.sample())


# ---- the program ----


def measure(bench: Bench, names: list[str]) -> None:
    """Everything asked for."""
    if set(names) & {"get", "put", "latency", "links"}:
        world = make_world(bench)
        if "links" in names:
            measure_links(bench, world)
        with bench.serving(world.config) as (port, _), bench.peer(world.peer_database) as peer_port:
            if "get" in names:
                measure_get(bench, world, port, peer_port)
            if "put" in names:
                measure_put(bench, world, port, peer_port)
            if "latency" in names:
                measure_latency(bench, world, port)
        for server in bench.pg:
            sql(server, "drop database if exists troupe_bench with (force)")
    if "million" in names:
        measure_million(bench)
    if "events" in names:
        measure_events(bench)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}, or quick")
    parser.add_argument("--seconds", type=int, default=5, help="of a round")
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison")
    parser.add_argument("--players", type=int, default=1_000_000, help="of the measure million")
    parser.add_argument("--json", type=pathlib.Path, help="file for the results")
    arguments = parser.parse_args()
    if "quick" in arguments.names:
        arguments.names.remove("quick")
        arguments.seconds, arguments.rounds, arguments.players = 2, 3, 200_000
    for name in arguments.names:
        if name not in NAMES:
            parser.error(f"there is no measure {name}; there are {', '.join(NAMES)}")
    arguments.names = arguments.names or list(NAMES)
    return arguments


def main() -> int:
    """The exit code."""
    arguments = parse()
    if os.getloadavg()[0] > 1:
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): trust the ratios less")
    bench = Bench(arguments)
    try:
        measure(bench, arguments.names)
    except Failure as failure:
        say(str(failure))
        return 2
    bench.report.print()
    if arguments.json:
        bench.report.write(arguments.json)
    return 0 if all(figure.reached for figure in bench.report.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
