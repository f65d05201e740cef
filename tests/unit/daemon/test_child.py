"""A process of ours is ours, whatever lies in the folder that the switch was started in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from softswitch.running.child import spawn


@pytest.mark.parametrize("name", ["media", "softswitch", "json", "click"])
def test_files_of_the_operator_are_no_modules(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit(99)\n")
    monkeypatch.chdir(tmp_path)

    async def ask() -> tuple[int | None, bytes]:
        process = await spawn("softswitch", "--version")
        said, _ = await process.communicate()
        return process.returncode, said

    code, said = asyncio.run(ask())
    assert code == 0 and said.startswith(b"softswitch")
