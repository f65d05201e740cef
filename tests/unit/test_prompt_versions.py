"""What prompts of one's own were before: kept when another takes their place, listed, put back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from softswitch import prompt_versions, uploads
from softswitch.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    found = Config()
    return replace(found, paths=replace(found.paths, database=tmp_path / "switch.db"))


def put(config: Config, octets: bytes, at: float, name: str = "welcome") -> None:
    """Another recording is in force."""
    prompt_versions.keep(config, name, "pl")
    file = uploads.target(config, name, "pl")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(octets)
    os.utime(file, (at, at))


def test_what_is_replaced_is_kept_and_comes_back(config: Config) -> None:
    assert prompt_versions.versions(config, "welcome", "pl") == []
    assert prompt_versions.keep(config, "welcome", "pl") == ""
    for number, octets in enumerate((b"one", b"two", b"three")):
        put(config, octets, 1_700_000_000.0 + number)
    rows = prompt_versions.versions(config, "welcome", "pl")
    assert [(one["version"], one["at"], one["current"]) for one in rows] == [
        ("", 1_700_000_002.0, True), ("20231114-221321", 1_700_000_001.0, False), ("20231114-221320", 1_700_000_000.0, False),
    ]  # fmt: skip
    assert prompt_versions.path_of(config, "welcome", "pl", "20231114-221320").read_bytes() == b"one"
    prompt_versions.restore(config, "welcome", "pl", "20231114-221320")
    assert uploads.target(config, "welcome", "pl").read_bytes() == b"one"
    former = [one["version"] for one in prompt_versions.versions(config, "welcome", "pl") if not one["current"]]
    assert former == ["20231114-221322", "20231114-221321"], "what was in force is one of them now"
    assert [one.name for one in uploads.sounds(config) if one.source == uploads.ADDED] == ["welcome"]


def test_of_the_same_second_and_not_more_than_so_many(config: Config) -> None:
    for _ in range(3):
        put(config, b"x", 1_700_000_000.0)
    found = {one["version"] for one in prompt_versions.versions(config, "welcome", "pl")}
    assert found == {"", "20231114-221320", "20231114-221320-1"}
    for number in range(prompt_versions.MOST + 5):
        put(config, b"y", 1_700_000_100.0 + number, "numbers/7")
    rows = prompt_versions.versions(config, "numbers/7", "pl")
    assert len(rows) == 1 + prompt_versions.MOST and rows[-1]["at"] == 1_700_000_104.0


@pytest.mark.parametrize("version", ["20231114-221320", "../welcome", "", "x"])
def test_what_there_is_not_is_said(config: Config, version: str) -> None:
    with pytest.raises(prompt_versions.VersionError):
        prompt_versions.restore(config, "welcome", "pl", version)
    with pytest.raises(uploads.UploadError):
        prompt_versions.keep(config, "../welcome", "pl")
