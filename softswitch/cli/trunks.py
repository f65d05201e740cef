"""`softswitch trunks`: the lines to outside, whether they work, and what to do if not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table


@click.command()
@click.argument("trunk", required=False)
@config_option
@json_option
def trunks(trunk: str | None, config: Path | None, as_json: bool) -> None:
    """Show the lines to outside: whether they work, are registered, how many calls they carry; or the servers of one."""
    with attached(config) as switch:
        found = switch.call("trunks")
    if trunk:
        found = [one for one in found if one["trunk"] == trunk]
    emit(found, as_json, _show_servers if trunk else _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["trunk", "state", "registration", ">calls", ">of", "servers"],
        [
            [
                one["trunk"], one["state"], _registration(one), one["calls"], one["max_calls"] or None,
                ", ".join(f"{server['server']} ({server['state']})" for server in one["servers"]) or "none known",
            ]
            for one in found
        ],
        empty="There are no trunks. How to add one: docs/trunks.md",
    )  # fmt: skip
    for one in found:
        if one["error"]:
            click.secho(f"! {one['trunk']}: {one['error']}", fg="yellow")


def _registration(one: dict[str, Any]) -> str:
    if not one["registration"]:
        return "none: known by its address"
    if one["registered_for"]:
        return f"registered for {seconds(one['registered_for'])}"
    return f"{one['registration']}, again in {seconds(one['retry_in'])}" if one["retry_in"] else one["registration"]


def _show_servers(found: list[dict[str, Any]]) -> None:
    _show(found)
    for one in found:
        table(
            "Servers", ["server", "address", "state", ">ms", "last error"],
            [
                [server["server"], server["address"], server["state"], server["milliseconds"], server["error"]]
                for server in one["servers"]
            ],
            empty="Its name was not found: see the error.",
        )  # fmt: skip
