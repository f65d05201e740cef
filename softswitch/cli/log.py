"""More in the log about one call, one number or one account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, table
from softswitch.cli.recording import moment


@click.group()
def log() -> None:
    """The log: everything about one call, number or account, while the rest stays as it is."""


def _about(call: str, number: str, account: str) -> tuple[str, str]:
    given = [(kind, value) for kind, value in (("call", call), ("number", number), ("account", account)) if value]
    if len(given) != 1:
        raise click.UsageError("Give one of --call, --number, --account.")
    return given[0]


@log.command("debug")
@click.option("--call", default="", help="The id of a call: softswitch calls.")
@click.option("--number", default="", help="A telephone number, however it is written.")
@click.option("--account", default="", help="An account: its phone, and the calls that it makes and gets.")
@click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(0.1, 1440), help="For how long.")
@config_option
@json_option
def debug(call: str, number: str, account: str, minutes: float, config: Path | None, as_json: bool) -> None:
    """Write every event and SIP message about it to the log."""
    kind, value = _about(call, number, account)
    with attached(config) as switch:
        made = switch.call("log_debug", kind=kind, value=value, minutes=minutes)
    emit(made, as_json, _show_made)


def _show_made(one: dict[str, Any]) -> None:
    click.echo(f"Everything about the {one['kind']} {one['value']} until {moment(one['until'])}.")


@log.command("list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Show about what everything is written now."""
    with attached(config) as switch:
        emit(switch.call("log_focus"), as_json, _show)


def _show(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["about", "value", "until", "by", ">lines"],
        [[one["kind"], one["value"], moment(one["until"]), one["by"], one["lines"]] for one in rows],
        empty="Nothing in particular. See: softswitch log debug --help",
    )  # fmt: skip


@log.command("quiet")
@click.option("--call", default="", help="The id of a call.")
@click.option("--number", default="", help="A telephone number.")
@click.option("--account", default="", help="An account.")
@config_option
@json_option
def quiet(call: str, number: str, account: str, config: Path | None, as_json: bool) -> None:
    """No more about that; without an option about nothing."""
    kind, value = _about(call, number, account) if call or number or account else ("", "")
    with attached(config) as switch:
        count = switch.call("log_quiet", kind=kind, value=value)
    emit(count, as_json, lambda one: click.echo(f"{one} ended."))
