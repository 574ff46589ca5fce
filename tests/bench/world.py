"""The players of get, put, latency and links."""

import dataclasses
import pathlib
import random
import struct

from databases import fresh_database, number, settle_wal, sql
from peer import fill_peer
from processes import Failure, write_secret
from report import say
from workbench import Bench

PLAYERS = 12_000
HOT_PLAYERS = 10_000
STUDIOS = 40


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


def check_counters(world: World) -> None:
    """The counters are the counts."""
    wrong = world.count(
        "select count(*) from (select shard_id, game_id, count(*) as players from troupe.player_game group by 1, 2) a"
        " full join (select shard_id, game_id, players from troupe.game_counter where players <> 0) b"
        " using (shard_id, game_id) where a.players is distinct from b.players"
    )
    if wrong:
        raise Failure(f"{wrong} counters of players per game are wrong")
