"""The FastAPI peer's tables, filled with what Troupe's have."""

import asyncio
import datetime
import sys

import asyncpg
from workbench import Bench, HERE, run_tool


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
