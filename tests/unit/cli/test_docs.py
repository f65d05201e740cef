"""docs/operations.md says what the program does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
import pytest

from softswitch import operations
from softswitch.cli import COMMANDS, main, output
from softswitch.operations import Operations

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    found = []
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        found += [f"{name} {sub}" for sub in command.commands] if isinstance(command, click.Group) else [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_told(command: str) -> None:
    assert re.search(rf"`{command}[` ]", TEXT)


def test_every_exit_code_is_told() -> None:
    codes = {output.FAILED, output.USAGE, output.NOT_RUNNING, output.UNKNOWN, output.WRONG_CONFIG}
    assert codes == {int(code) for code in re.findall(r"^\| ([1-9]) \|", TEXT, re.MULTILINE)}


def test_every_metric_is_told_and_no_other() -> None:
    source = inspect.getsource(operations)
    written = set(re.findall(r'"(softswitch_[a-z_]+)"', source))
    written |= {f"softswitch_{name}" for name in re.findall(r'_(?:gauge|counter)\(\s*"([a-z_]+)"', source)}
    written |= {f"softswitch_queue_{name}" for name in operations.QUEUE_GAUGES}
    assert written == set(re.findall(r"`(softswitch_[a-z_]+)`", TEXT))


def test_every_console_command_is_told() -> None:
    class Nothing:
        edit = None

    for name in Operations(Nothing()).handlers():  # type: ignore[arg-type]
        assert f"`{name}`" in TEXT, name
