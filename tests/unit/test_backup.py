"""A backup holds what an installation needs to go on, is whole while others write, and goes back into a new folder only."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from softswitch.backup import BackupError, create, restore
from softswitch.config import load_config
from softswitch.setup import create_demo
from softswitch.store.ledger import Ledger


@pytest.fixture
def site(tmp_path: Path) -> Path:
    base = tmp_path / "pbx"
    create_demo(base, domain="pbx.example.com", listen="127.0.0.1:5060", language="pl")
    for name in ("voicemail/101/1.wav", "recordings/2026/a.wav", "prompts/pl/welcome.wav", "run/softswitch.sock"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(name.encode())
    return base


def backed_up(base: Path, to: Path, *, recordings: bool = False) -> set[str]:
    made = create(load_config(base / "softswitch.toml"), base, to, recordings=recordings)
    assert to.stat().st_mode & 0o077 == 0
    with tarfile.open(to) as archive:
        names = set(archive.getnames())
    assert made.files == len(names)
    return names


def test_everything_that_is_needed_and_no_more(site: Path, tmp_path: Path) -> None:
    names = backed_up(site, tmp_path / "a.tar.gz")
    assert names >= {"softswitch.toml", "softswitch.sqlite", "voicemail/101/1.wav", "prompts/pl/welcome.wav"}
    assert not {
        name for name in names if name.startswith(("run/", "recordings/")) or name.endswith((".lock", "-wal", "-shm"))
    }
    assert "recordings/2026/a.wav" in backed_up(site, tmp_path / "b.tar.gz", recordings=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.tar.gz", "b.tar.gz", "pbx"]


def test_the_rows_of_reports_come_along(site: Path, tmp_path: Path) -> None:
    """They reach further back than the journal; what of them is not yet in their file is in the copy."""
    ledger = Ledger(site / "softswitch.sqlite")
    ledger.catch_up()
    ledger.rows("INSERT INTO report_bins VALUES ('answered', 0, 'sales', '', 3, 7)")
    names = backed_up(site, tmp_path / "a.tar.gz")
    assert {name for name in names if "reports" in name} == {"softswitch.sqlite.reports"}
    restore(tmp_path / "a.tar.gz", tmp_path / "new")
    assert Ledger(tmp_path / "new" / "softswitch.sqlite").bins("answered", 0, 900) == [("sales", "", 3, 7)]


def test_back_and_the_same(site: Path, tmp_path: Path) -> None:
    backed_up(site, tmp_path / "a.tar.gz")
    new = tmp_path / "new" / "place"
    assert restore(tmp_path / "a.tar.gz", new) > 3
    assert (new / "softswitch.toml").read_bytes() == (site / "softswitch.toml").read_bytes()
    assert new.stat().st_mode & 0o077 == (new / "softswitch.sqlite").stat().st_mode & 0o077 == 0
    with (
        closing(sqlite3.connect(site / "softswitch.sqlite")) as before,
        closing(sqlite3.connect(new / "softswitch.sqlite")) as after,
    ):
        query = "select kind, name, body from site_objects order by 1, 2"
        assert after.execute(query).fetchall() == before.execute(query).fetchall() != []
    with pytest.raises(BackupError, match="not empty"):
        restore(tmp_path / "a.tar.gz", new)


def test_the_database_is_whole_while_others_write(site: Path, tmp_path: Path) -> None:
    """Each transaction writes two rows; a copy never has one of them."""
    done = threading.Event()
    with closing(sqlite3.connect(site / "softswitch.sqlite")) as setup:
        setup.execute("create table pairs (n integer)")
        setup.commit()

    def write() -> None:
        with closing(sqlite3.connect(site / "softswitch.sqlite", timeout=30)) as database:
            number = 0
            while not done.is_set():
                number += 1
                with database:
                    database.executemany("insert into pairs values (?)", [(number,), (number,)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            backed_up(site, tmp_path / f"{number}.tar.gz")
            restore(tmp_path / f"{number}.tar.gz", tmp_path / f"new{number}")
            with closing(sqlite3.connect(tmp_path / f"new{number}" / "softswitch.sqlite")) as copy:
                assert copy.execute("select n from pairs group by n having count(*) <> 2").fetchall() == []
    finally:
        done.set()
        writer.join()


def test_what_lies_elsewhere_is_named(site: Path, tmp_path: Path) -> None:
    outside = tmp_path / "certificate.pem"
    outside.write_text("PEM")
    config = load_config(site / "softswitch.toml", overrides={"mail.ca": str(outside)})
    made = create(config, site, tmp_path / "a.tar.gz", recordings=False)
    assert any(str(outside) in one for one in made.left_out) and any("--recordings" in one for one in made.left_out)


def test_refusals_leave_nothing_behind(site: Path, tmp_path: Path) -> None:
    config, there = load_config(site / "softswitch.toml"), tmp_path / "there.tar.gz"
    there.write_text("something of mine")
    with pytest.raises(BackupError, match="exists"):
        create(config, site, there, recordings=False)
    with pytest.raises(BackupError, match="cannot be written"):
        create(config, site, tmp_path / "no" / "a.tar.gz", recordings=False)
    with pytest.raises(BackupError, match="cannot be read as a backup"):
        restore(there, tmp_path / "new")
    with pytest.raises(BackupError, match="No such file"):
        restore(tmp_path / "absent", tmp_path / "new")
    (site / "softswitch.sqlite").write_bytes(b"not a database at all, but as long as one" * 100)
    with pytest.raises(BackupError, match="cannot be copied"):
        create(config, site, tmp_path / "a.tar.gz", recordings=False)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["pbx", "there.tar.gz"]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "link"])
def test_a_file_of_a_stranger_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    evil = tmp_path / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as archive:
        for member_name in ("softswitch.toml", name):
            member = tarfile.TarInfo(member_name)
            if member_name == "link":
                member.type, member.linkname = tarfile.SYMTYPE, "/etc"
            archive.addfile(member, io.BytesIO())
    with pytest.raises(BackupError, match="no part of a backup"):
        restore(evil, tmp_path / "new" / "inner")
    assert not (tmp_path / "new" / "outside").exists()


def test_a_tar_of_something_else(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    with pytest.raises(BackupError, match="no backup of a switch"):
        restore(tmp_path / "other.tar.gz", tmp_path / "new")
