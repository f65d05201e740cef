"""docs/operating.md says what the console and the exit codes are."""

from __future__ import annotations

import re
from pathlib import Path

from softswitch.cli import output
from softswitch.operations import Operations

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")


def test_every_exit_code_is_told() -> None:
    codes = {output.FAILED, output.USAGE, output.NOT_RUNNING, output.UNKNOWN, output.WRONG_CONFIG}
    assert codes == {int(code) for code in re.findall(r"^\| ([1-9]) \|", TEXT, re.MULTILINE)}


def test_every_console_command_is_told() -> None:
    class Nothing:
        edit = None

    for name in Operations(Nothing()).handlers():  # type: ignore[arg-type]
        assert f"`{name}`" in TEXT, name
