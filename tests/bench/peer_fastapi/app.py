"""The same three routes as Troupe's, written the way FastAPI's and SQLAlchemy's manuals teach it.

Run by ./dev bench: uvicorn with uvloop and httptools, one process per core. The tables live in a schema of
their own on the server that Troupe writes to, and every commit is durable.
"""

import datetime
import os
import uuid
from collections.abc import AsyncIterator
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SIGNING_KEY = os.environ["PEER_SIGNING_KEY"]

# asyncpg prepares statements and keeps them per connection. No overflow: its connections are opened and closed all the
# time under load, which costs more than waiting for one of the pool.
engine = create_async_engine(os.environ["PEER_DATABASE_URL"], pool_size=20, max_overflow=0)
new_session = async_sessionmaker(engine, expire_on_commit=False)
bearer = HTTPBearer(auto_error=False)
app = FastAPI(title="Players")


class Base(DeclarativeBase):
    """All tables are in the schema peer."""

    __table_args__ = {"schema": "peer"}


class Player(Base):
    """A player."""

    __tablename__ = "player"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime.datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))


class Game(Base):
    """A game and the number of its players."""

    __tablename__ = "game"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    players_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class PlayerGame(Base):
    """A game in a player's library."""

    __tablename__ = "player_game"

    player_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("peer.player.id"), primary_key=True)
    game_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("peer.game.id"), primary_key=True, index=True
    )
    registered_at: Mapped[datetime.datetime] = mapped_column(server_default=func.now())


class Event(Base):
    """An event: when it is on the clocks of its place, and the same as instants."""

    __tablename__ = "event"
    __table_args__ = (Index("event_by_time", "starts_at", "ends_at"), {"schema": "peer"})

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    starts_at: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True))
    local_start: Mapped[datetime.datetime]
    local_end: Mapped[datetime.datetime]
    min_price: Mapped[float | None]
    max_price: Mapped[float | None]


class Profile(BaseModel):
    """What GET /v1/players/me answers."""

    id: uuid.UUID
    name: str
    created_at: datetime.datetime


class Registration(BaseModel):
    """What PUT /v1/players/me/games/{game_id} answers."""

    game_id: uuid.UUID
    player_id: uuid.UUID


class EventSummary(BaseModel):
    """An event as GET /search shows it."""

    id: uuid.UUID
    title: str
    start_date: datetime.date
    start_time: datetime.time
    end_date: datetime.date
    end_time: datetime.time
    min_price: float | None
    max_price: float | None


class EventList(BaseModel):
    """Events by start."""

    events: list[EventSummary]


class SearchAnswer(BaseModel):
    """What GET /search answers."""

    data: EventList
    error: None = None


async def create_tables() -> None:
    """Makes the schema anew; peer.py fills it."""
    async with engine.begin() as connection:
        await connection.execute(text("drop schema if exists peer cascade"))
        await connection.execute(text("create schema peer"))
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


async def session() -> AsyncIterator[AsyncSession]:
    """One session, and so at most one transaction, per request."""
    async with new_session() as opened:
        yield opened


async def current_player_id(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> uuid.UUID:
    """Checks the token's signature and its times."""
    if credentials is None:
        raise HTTPException(401, "a bearer token is needed")
    try:
        claims = jwt.decode(
            credentials.credentials,
            SIGNING_KEY,
            algorithms=["HS256"],
            options={"verify_aud": False},
        )
        return uuid.UUID(claims["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise HTTPException(401, "the token is not valid") from None


Session = Annotated[AsyncSession, Depends(session)]
PlayerId = Annotated[uuid.UUID, Depends(current_player_id)]


@app.get("/v1/players/me")
async def read_me(player_id: PlayerId, db: Session) -> Profile:
    """The player of the token."""
    player = await db.get(Player, player_id)
    if player is None:
        raise HTTPException(404, "no such player")
    return Profile(id=player.id, name=player.name, created_at=player.created_at)


@app.put("/v1/players/me/games/{game_id}")
async def register_game(
    game_id: uuid.UUID, player_id: PlayerId, db: Session, response: Response
) -> Registration:
    """Puts a game into the player's library: 201 the first time, 200 after, so that a retry does no harm."""
    async with db.begin():
        if await db.get(Game, game_id) is None:
            raise HTTPException(404, "no such game")
        added = await db.execute(
            insert(PlayerGame)
            .values(player_id=player_id, game_id=game_id)
            .on_conflict_do_nothing()
            .returning(PlayerGame.game_id)
        )
        if added.scalar_one_or_none() is not None:
            await db.execute(
                update(Game).where(Game.id == game_id).values(players_count=Game.players_count + 1)
            )
            response.status_code = 201
    return Registration(game_id=game_id, player_id=player_id)


@app.get("/search")
async def search_events(
    db: Session, starts_at: AwareDatetime | None = None, ends_at: AwareDatetime | None = None
) -> SearchAnswer:
    """The events that start and end within the range."""
    query = select(Event).order_by(Event.starts_at, Event.id)
    if starts_at is not None:
        query = query.where(Event.starts_at >= starts_at)
    if ends_at is not None:
        query = query.where(Event.ends_at <= ends_at)
    events = [
        EventSummary(
            id=event.id,
            title=event.title,
            start_date=event.local_start.date(),
            start_time=event.local_start.time(),
            end_date=event.local_end.date(),
            end_time=event.local_end.time(),
            min_price=event.min_price,
            max_price=event.max_price,
        )
        for event in await db.scalars(query)
    ]
    return SearchAnswer(data=EventList(events=events))
