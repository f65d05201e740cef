"""Prompts recorded by telephone, and what they were before: further commands of `softswitch prompt`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, table
from softswitch.cli.recording import moment

LANGUAGE = '"pl", "en" ...'


def add_to(group: click.Group) -> None:
    """These commands."""
    for command in (record, versions, restore):
        group.add_command(command)


@click.command("record")
@click.argument("name")
@click.option("--account", required=True, help="Whose phone rings.")
@click.option("--language", default="pl", show_default=True, help=LANGUAGE)
@config_option
@json_option
def record(name: str, account: str, language: str, config: Path | None, as_json: bool) -> None:
    """Ring a phone, and record the prompt NAME there after the beep; # ends it, then it is played back.

    1 keeps it, and it is in force; 2 plays it again, 3 records it again, 4 goes back to the standard one.
    """
    with attached(config) as switch:
        made = switch.call("prompt_record", language=language, name=name, account=account)
    emit(made, as_json, lambda one: click.echo(f"The phone of {one['account']} rings."))


@click.command("versions")
@click.argument("name")
@click.option("--language", default="pl", show_default=True, help=LANGUAGE)
@config_option
@json_option
def versions(name: str, language: str, config: Path | None, as_json: bool) -> None:
    """Show the recording of your own that is in force, and those before it."""
    with attached(config) as switch:
        rows = switch.call("prompt_versions", language=language, name=name)
    emit(rows, as_json, _show)


def _show(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["version", "made"],
        [["in force" if one["current"] else one["version"], moment(one["at"])] for one in rows],
        empty="There was no recording of your own.",
    )  # fmt: skip


@click.command("restore")
@click.argument("name")
@click.argument("version")
@click.option("--language", default="pl", show_default=True, help=LANGUAGE)
@config_option
@json_option
def restore(name: str, version: str, language: str, config: Path | None, as_json: bool) -> None:
    """Put a former recording in force again; what is in force now becomes a version."""
    with attached(config) as switch:
        done = switch.call("prompt_restore", language=language, name=name, version=version)
    emit(done, as_json, lambda one: click.echo(f"{one['name']} is that of {one['version']} again."))
