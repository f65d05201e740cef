"""`softswitch bans`: who is not listened to, and the changing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def bans(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Show the sources that are not listened to; `bans add` and `bans remove` change that."""
    if context.invoked_subcommand is not None:
        return
    with attached(config) as switch:
        emit(switch.call("bans"), as_json, _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["source", "why", ">for another", ">ban number", ">dropped"],
        [[one["source"], one["reason"], seconds(one["left"]), one["count"], one["dropped"]] for one in found],
        empty="Nobody is banned.",
    )  # fmt: skip


@bans.command("add")
@click.argument("source")
@click.option("--minutes", type=click.FloatRange(0.1, 525_600), default=60.0, show_default=True)
@click.option("--reason", default="by hand", show_default=True)
@config_option
@json_option
def bans_add(source: str, minutes: float, reason: str, config: Path | None, as_json: bool) -> None:
    """Listen no more to SOURCE: an address, or address:port. Phones that have logged in from there go on working."""
    with attached(config) as switch:
        found = switch.call("ban", source=source, seconds=60 * minutes, reason=reason)
    emit(found, as_json, lambda one: click.echo(f"{one['source']} is banned for {seconds(one['left'])}."))


@bans.command("remove")
@click.argument("source", required=False)
@click.option("--all", "everything", is_flag=True, help="Every ban.")
@config_option
@json_option
def bans_remove(source: str | None, everything: bool, config: Path | None, as_json: bool) -> None:
    """Listen to SOURCE again."""
    if (source is None) == (not everything):
        raise click.UsageError("Name one source, or give --all.")
    with attached(config) as switch:
        lifted = switch.call("unban", source=source or "")
    emit({"lifted": lifted}, as_json, lambda one: click.echo(f"{one['lifted']} lifted."))
