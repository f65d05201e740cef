"""The SQLite file: its schema, its privacy, its owner, and what its refusals mean."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from softswitch.errors import StoreError
from softswitch.events import CallEnded, CallStarted
from softswitch.store import statements
from softswitch.store.database import Lock, explain
from softswitch.store.reports import Reports
from softswitch.store.schema import metadata
from softswitch.store.sqlite import Store
from softswitch.store.statements import REVISION
from tests.unit.store.samples import ended, started

MIGRATIONS = Path(statements.__file__).parent / "migrations"


@pytest.fixture
def path(tmp_path: Path, empty_database: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "softswitch.sqlite"))


# --- schema ------------------------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_schema_describes(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_fast_path_knows_the_newest_revision() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(settings).get_current_head() == statements.REVISION


SQL = {
    name: value
    for name, value in vars(statements).items()
    if name[0].isupper() and name.isupper() and isinstance(value, str) and " " in value
}


@pytest.mark.parametrize("name", sorted(SQL))
def test_every_statement_fits_the_tables(path: Path, name: str) -> None:
    text = SQL[name]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"EXPLAIN {text}", parameters(text))


def parameters(text: str) -> Any:
    return {"shift": 1.0, "before": 1.0} if ":" in text else [1] * text.count("?")


GROWING = ("journal", "calls", "legs", "queue_visits")


@pytest.mark.parametrize("name", sorted(SQL.keys() - {"LAST_BLOCK"}))
def test_no_statement_reads_the_whole_of_a_table_that_grows(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {SQL[name]}", parameters(SQL[name])).fetchall()
    scans = [row[3] for row in plan if row[3].startswith("SCAN") and "INDEX" not in row[3]]
    assert [scan for scan in scans if scan.split()[1] in GROWING] == []  # LAST_BLOCK stops after one row


def test_events_can_be_read_one_by_one_with_plain_sql(path: Path) -> None:
    async def run() -> None:
        store = await Store.open(path)
        store.publish(1, 10.0, 1.0, started("c1"))
        store.publish(2, 11.0, 2.0, ended("c1"))
        await store.close()

    asyncio.run(run())
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT seq, wall, name, call, json_extract(payload, '$.dialled') FROM events"
        ).fetchall()
    assert rows == [(1, 10.0, "call.created", "c1", "800"), (2, 11.0, "call.ended", "c1", "800")]


async def test_a_new_file_is_private_and_safe(tmp_path: Path) -> None:
    path = tmp_path / "new" / "softswitch.sqlite"
    store = await Store.open(path)
    store.publish(1, 10.0, 1.0, started("c1"))
    assert await store.flush(5.0)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    rows = await store._connection.execute_fetchall("PRAGMA synchronous")
    assert [tuple(row) for row in rows] == [(2,)]  # FULL
    await store.close()


async def test_calls_from_before_their_trunk_was_noted_have_none(path: Path) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "0004")
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(calls)")]
        assert "trunk" not in columns
        values = ["[]" if one == "path" else "old" if one == "call" else 1 for one in columns]
        connection.execute(f"INSERT INTO calls VALUES ({', '.join('?' * len(columns))})", values)
        connection.commit()
    await (await Store.open(path)).close()
    reports = await Reports.open(path)
    assert [(one.call, one.trunk, one.path) for one in await reports.recent_calls()] == [("old", "", ())]
    await reports.close()


NEXT = "8888"  # a revision after the newest


async def test_an_older_database_is_migrated_and_a_copy_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO meta VALUES ('kept', 'yes')")
        connection.commit()
    monkeypatch.setattr("softswitch.store.database.REVISION", NEXT)
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    (copy / "versions" / f"{NEXT}_more.py").write_text(
        "from alembic import op\nfrom sqlalchemy import Column, Text\n"
        f"revision, down_revision = '{NEXT}', '{REVISION}'\n"
        "def upgrade():\n    op.create_table('more', Column('name', Text, primary_key=True))\n"
    )
    monkeypatch.setattr("softswitch.store.database.MIGRATIONS", copy)
    await (await Store.open(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (NEXT,)
        assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)
    with closing(sqlite3.connect(path.with_name(path.name + f".before-{NEXT}"))) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
        assert connection.execute("SELECT value FROM meta WHERE name = 'kept'").fetchone() == ("yes",)


async def test_a_migration_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    (copy / "versions" / f"{NEXT}_bad.py").write_text(
        "from alembic import op\nfrom sqlalchemy import Column, Text\n"
        f"revision, down_revision = '{NEXT}', '{REVISION}'\n"
        "def upgrade():\n    op.create_table('more', Column('name', Text))\n    op.execute('SELECT nonsense')\n"
    )
    monkeypatch.setattr("softswitch.store.database.MIGRATIONS", copy)
    monkeypatch.setattr("softswitch.store.database.REVISION", NEXT)
    with pytest.raises(StoreError):
        await Store.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)


async def test_a_database_of_a_newer_version_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreError, match="newer softswitch"):
        await Store.open(path)


# --- owner, refusals -----------------------------------------------------------------------------------------------------


async def test_only_one_switch_may_write(path: Path) -> None:
    store = await Store.open(path)
    with pytest.raises(StoreError, match=rf"in use by another softswitch \(process {os.getpid()}\)"):
        await Store.open(path)
    reports = await Reports.open(path)  # Looking is allowed.
    assert await reports.recent_calls() == []
    await reports.close()
    await store.close()
    await (await Store.open(path)).close()


def test_the_lock_dies_with_its_process(path: Path) -> None:
    code = """
import pathlib, sys
from softswitch.store.database import Lock
lock = Lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin and holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreError, match=rf"process {holder.pid}"):
        Lock(path)
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    Lock(path).release()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda path: path.write_bytes(b"this is no database, however long one looks at it" * 100),
            "is not a database",
        ),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    ],
)
async def test_what_is_no_database_is_said(path: Path, make: Any, expected: str) -> None:
    make(path)
    with pytest.raises(StoreError, match=expected) as caught:
        await Store.open(path)
    assert caught.value.hint


async def test_a_folder_that_cannot_be_written_is_said() -> None:
    with pytest.raises(StoreError, match="/proc/softswitch") as caught:
        await Store.open(Path("/proc/softswitch/db.sqlite"))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, "locked by another program"),
        (sqlite3.SQLITE_FULL, "disk is full"),
        (sqlite3.SQLITE_READONLY | 4 << 8, "read-only"),
        (sqlite3.SQLITE_IOERR | 3 << 8, "input/output error"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_ERROR, "refuses"),
    ],
)
def test_refusals_are_explained(code: int, expected: str) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    said = explain(error, Path("/db"))
    assert expected in str(said) and "/db" in str(said) and said.hint


async def test_a_lock_by_another_program_is_waited_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.store.database.BUSY_TIMEOUT", 0.01)
    alarms: list[tuple[str, str]] = []
    store = await Store.open(path, flush_interval=0.001, alarm=lambda *said: alarms.append(said))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.publish(1, 10.0, 1.0, started("c1"))
        assert not await store.flush(0.1)
        assert store.health().pending == 1
        other.execute("ROLLBACK")
    assert await store.flush(10.0)
    assert len(alarms) == 2 and "locked by another program" in alarms[0][0] and alarms[1] == ("", "")
    assert len(await (await store.reports()).recent_calls()) == 1
    await store.close()


async def test_a_full_disk_is_waited_out(path: Path) -> None:
    alarms: list[tuple[str, str]] = []
    store = await Store.open(path, flush_interval=0.001, alarm=lambda *said: alarms.append(said))
    pages = next(row[0] for row in await store._connection.execute_fetchall("PRAGMA page_count"))
    await store._connection.execute(
        f"PRAGMA max_page_count = {pages}"
    )  # What SQLite answers then is what ENOSPC gives.
    events = [CallStarted(f"c{index}", "1" * 200, "", "800") for index in range(300)]
    for seq, event in enumerate(events, 1):
        store.publish(seq, 10.0, 1.0, event)
    assert not await store.flush(0.1)
    assert "the disk is full" in alarms[0][0]
    await store._connection.execute("PRAGMA max_page_count = 1000000")
    assert await store.flush(10.0)
    assert len(await (await store.reports()).recent_calls(1000)) == 300
    await store.close()


async def test_a_value_that_sqlite_refuses_costs_only_itself(path: Path) -> None:
    alarms: list[tuple[str, str]] = []
    store = await Store.open(path, flush_interval=0.001, alarm=lambda *said: alarms.append(said))
    poison = CallEnded("bad", "1", "", "2", "", "answered", 1 << 80, "", 0.0, 0.0, 0.0)
    for seq, event in enumerate((started("a"), poison, ended("a"), started("b")), 1):
        store.publish(seq, 10.0, 1.0, event)
    assert await store.flush(5.0)
    assert {one.call for one in await (await store.reports()).recent_calls()} == {"a", "b"}
    assert "1 rows could not be stored" in alarms[0][0]
    assert len(await (await store.reports()).events()) == 4
    await store.close()


def test_a_process_that_fails_ends(path: Path) -> None:
    code = """
import asyncio, pathlib, sys
from softswitch.store import Store
async def main():
    store = await Store.open(pathlib.Path(sys.argv[1]))
    raise SystemExit(7)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(path)], timeout=20).returncode == 7


def test_starting_needs_neither_sqlalchemy_nor_alembic(path: Path) -> None:
    code = """
import asyncio, pathlib, sys
from softswitch.store import Store
async def main():
    store = await Store.open(pathlib.Path(sys.argv[1]))
    await store.load(); await store.recover(); await (await store.reports()).books(); await store.close()
asyncio.run(main())
print([name for name in ("sqlalchemy", "alembic", "pydantic", "holidays", "numpy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
