"""Databases of the measures, fresh for each."""

import asyncio
import urllib.parse

import asyncpg


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


def settle_wal(server: str) -> None:
    """Lets a new server have WAL segments to use again, as one has that has run for a while. Each new segment of
    16 MiB is filled with zeros while every commit waits, 30 to 60 ms, on ours and on pgbench's side alike.
    """
    for _ in range(64):  # min_wal_size
        sql(server, "select pg_logical_emit_message(false, 'bench', '')", "select pg_switch_wal()")
    sql(server, "checkpoint")
