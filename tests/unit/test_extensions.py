"""Entry points of installed packages are found, and nothing is imported to find none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from softswitch.extensions import Fault, from_packages


def install(place: Path, name: str, group: str, value: str) -> None:
    folder = place / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{group}]\nit = {value}\n")


def test_what_packages_offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "good", "softswitch.test", "pathlib:Path")
    install(tmp_path, "bad", "softswitch.test", "nowhere_at_all:it")
    install(tmp_path, "other", "softswitch.other", "pathlib:Path")
    monkeypatch.syspath_prepend(str(tmp_path))
    faults: list[Fault] = []
    assert list(from_packages("softswitch.test", faults)) == [("it", Path, "pathlib:Path (good)")]
    assert [where for where, _ in faults] == ["nowhere_at_all:it (bad)"]
    assert not list(from_packages("softswitch.nothing", faults)) and len(faults) == 1


def test_a_switch_does_without_what_it_seldom_needs() -> None:
    program = (
        "import sys, softswitch.daemon, softswitch.lab; from softswitch.extensions import from_packages;"
        "list(from_packages('softswitch.nothing', []));"
        "print(*sorted({'email', 'smtplib', 'http.client', 'xml.sax', 'statistics', 'importlib.metadata', 'numpy',"
        " 'sqlalchemy', 'alembic', 'cryptography', 'rich', 'holidays', 'phonenumbers', 'fastapi'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
