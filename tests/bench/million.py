"""The measure million: how fast data is generated, and memory while all of it is touched."""

import random
import statistics
import time

from databases import fresh_database, sql
from process_memory import Memory
from processes import write_secret
from report import Figure, say
from workbench import Bench, CONNECTIONS


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
