"""Entry points of installed packages are found."""

from __future__ import annotations

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
