"""The SQLite file: opened by one process, private, at the newest schema; and what its refusals mean.

Durability: WAL with synchronous=FULL. A commit is synced before it is acknowledged, so neither kill -9 nor a power failure
takes it back; with ten transactions a second at most, on a thread of its own, that costs nothing anybody waits for
(NORMAL would save the sync and lose, at a power failure, everything since the last checkpoint).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiosqlite

from softswitch.errors import StoreError
from softswitch.store.statements import REVISION

BUSY_TIMEOUT: Final = 5.0  # seconds SQLite itself waits for a lock, in its thread
MIGRATIONS: Final = Path(__file__).parent / "migrations"
WAL_LIMIT: Final = 64 << 20  # bytes the WAL file is cut back to
PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {WAL_LIMIT}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


SIGN_OF_LIFE: Final = 32  # where it stands in the lock file, behind the number of the process


class Lock:
    """The right to write a database: a lock file beside it, given up by the kernel when the process dies."""

    def __init__(self, database: Path) -> None:
        """Raises StoreError when another process has it."""
        path = database.with_name(database.name + ".lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{path}: {error.strerror}", hint="let this user write in the folder of the database"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._descriptor, 20).decode("ascii", "replace").partition("\n")[0].strip()
            os.close(self._descriptor)
            raise StoreError(
                f"{database} is in use by another softswitch" + (f" (process {owner})" if owner else ""),
                hint="stop that one, or use another database",
            ) from None
        self.last_alive = _number(os.pread(self._descriptor, 20, SIGN_OF_LIFE))  # of the process before; 0: not known
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def alive(self, wall: float) -> None:
        """Note a sign of life. Not synced: it is for kills, and of a power failure less would be known anyway."""
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, f"{wall:17.3f}\n".encode(), SIGN_OF_LIFE)

    def release(self) -> None:
        os.close(self._descriptor)


def _number(text: bytes) -> float:
    try:
        return float(text.strip(b" \t\r\n\0"))
    except ValueError:
        return 0.0


async def open_database(path: Path) -> aiosqlite.Connection:
    """A connection for writing, at the newest schema. Raises StoreError. The caller holds the Lock."""
    create_private(path)
    connection = await _connect(path)
    try:
        for pragma in PRAGMAS:
            await connection.execute(pragma)
        revision = await _revision(connection)
    except sqlite3.Error as error:
        await connection.close()
        raise explain(error, path) from None
    if revision == REVISION:
        return connection
    await connection.close()
    await asyncio.to_thread(migrate, path, revision)
    return await open_database(path)


async def open_for_reading(path: Path) -> aiosqlite.Connection:
    """A second connection that cannot write: long reports never stand in the writer's way. Raises StoreError."""
    connection = await _connect(path)
    try:
        await connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        await connection.close()
        raise explain(error, path) from None
    return connection


@contextlib.asynccontextmanager
async def transaction(connection: aiosqlite.Connection, path: Path) -> AsyncIterator[None]:
    """All or nothing. Raises StoreError for what the database refuses because of its state."""
    try:
        await connection.execute("BEGIN IMMEDIATE")
        yield
        await connection.execute("COMMIT")
    except BaseException as error:
        with contextlib.suppress(sqlite3.Error, ValueError):
            await connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error) and is_state(error):
            raise explain(error, path) from None
        raise


def create_private(path: Path) -> None:
    """The file holds what is as good as passwords: nobody else may read it. SQLite gives its WAL the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except IsADirectoryError:
        raise StoreError(f"{path} is a folder", hint="name a file in paths.database") from None
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror}", hint="let this user write there, or change paths.database"
        ) from None


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = aiosqlite.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=64)
    # A process that ends by an exception must not wait for this thread: nobody would restart it.
    thread: Any = getattr(connection, "_thread", connection)
    thread.daemon = True
    try:
        return await connection
    except sqlite3.Error as error:
        raise explain(error, path) from None


async def _revision(connection: aiosqlite.Connection) -> str:
    """The revision of the schema; "" for an empty database."""
    tables = await connection.execute_fetchall("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
    if not next(iter(tables))[0]:
        return ""
    rows = list(await connection.execute_fetchall("SELECT version_num FROM alembic_version"))
    return str(rows[0][0]) if rows else ""


# --- migrations ------------------------------------------------------------------------------------------------------


def migrate(path: Path, revision: str) -> None:
    """Bring the database to the newest schema; keep a copy of what was there. Raises StoreError."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    if revision:
        try:
            ScriptDirectory.from_config(settings).get_revision(revision)
        except CommandError:
            raise StoreError(
                f"{path} was written by a newer softswitch (schema {revision})",
                hint="install that version or a newer one",
            ) from None
        back_up(path, path.with_name(f"{path.name}.before-{REVISION}"))
    engine = create_engine("sqlite://", creator=lambda: _raw(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            settings.attributes["connection"] = connection
            # pysqlite would begin only before DML: begun here, all steps are one transaction.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            command.upgrade(settings, "head")
            connection.exec_driver_sql("COMMIT")
    except DBAPIError as error:
        original = error.orig if isinstance(error.orig, sqlite3.Error) else sqlite3.OperationalError(str(error))
        raise explain(original, path) from None
    finally:
        engine.dispose()


def back_up(path: Path, copy: Path) -> None:
    """A consistent copy of a database, as private as the original."""
    create_private(copy)
    with contextlib.closing(_raw(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)


# --- refusals --------------------------------------------------------------------------------------------------------

# Primary result code of SQLite -> what is wrong, what to do.
TROUBLES: Final = {
    sqlite3.SQLITE_BUSY: ("is locked by another program", "close the program that has it open (fuser -v FILE shows it)"),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "close the program that has it open (fuser -v FILE shows it)"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "make room on its disk"),
    sqlite3.SQLITE_READONLY: ("is read-only", "let this user write the file and its folder, and see that the file was not moved"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: input/output error", "check the disk (dmesg)"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "let this user write the file and its folder"),
    sqlite3.SQLITE_PERM: ("cannot be opened: permission denied", "let this user write the file and its folder"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "move it away and restore a backup (sqlite3 FILE .recover saves what can be read)"),
    sqlite3.SQLITE_NOTADB: ("is not a database", "name another file in paths.database, or restore a backup"),
    sqlite3.SQLITE_NOMEM: ("cannot be written: out of memory", "make memory available"),
}  # fmt: skip


def is_state(error: sqlite3.Error) -> bool:
    """Is it the database's state, which may pass, rather than the statement or its values?"""
    return _primary(error) in TROUBLES


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    what, hint = TROUBLES.get(_primary(error), (f"refuses: {error}", "see the message of SQLite"))
    return StoreError(f"{path} {what}", hint=hint.replace("FILE", str(path)))


def _primary(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
