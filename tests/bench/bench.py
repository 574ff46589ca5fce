"""Measures Troupe against what a team would use instead, side by side on one machine: ./dev bench

    ./dev bench [NAME...] [--seconds N] [--rounds N] [--json FILE]

NAME is any of get, put, latency, links, million, events; without a name all of them, `quick` a short run of all. The rounds of
the two sides of a comparison alternate and medians are compared, because on one machine only ratios mean
anything. docs/operations/performance.md says what each figure means. The exit code is 1 when a figure is missed
and 2 when something could not be measured.

./dev starts the servers and gives TROUPE_BIN, TROUPE_TEST_PG_A, TROUPE_TEST_PG_B and TROUPE_TEST_REDIS.
"""

import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "deploy" / "local"))  # processes, for all of these

from databases import sql
from events import measure_events
from million import measure_million
from processes import Failure
from reads import measure_get, measure_links
from report import say
from workbench import Bench
from world import make_world
from writes import measure_latency, measure_put

NAMES = ("get", "put", "latency", "links", "million", "events")


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
