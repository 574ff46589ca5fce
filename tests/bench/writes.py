"""The measures put and latency: durable registrations."""

import os
import pathlib
import re
import statistics
import subprocess
import urllib.parse

from disk_watch import DiskWatch
from processes import Failure
from report import Figure, per_second, say
from workbench import Bench, WRITE_CONNECTIONS
from world import PLAYERS, World, check_counters

PGBENCH_CLIENTS = 32
PG_BIN = pathlib.Path("/usr/lib/postgresql/17/bin")


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
