"""What commands about webhooks and CRMs have in common: list, show, dead, retry, skip."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table
from softswitch.cli.recording import moment


def add_commands(group: click.Group, kind: str, noun: str) -> None:
    """The commands of a kind of receiver. `noun`: in texts."""

    @group.command("list", help=f"Show the {noun}s: how far each one is, and what is wrong.")
    @config_option
    @json_option
    def show_all(config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            rows = switch.call("receivers", kind=kind)
        emit(rows, as_json, lambda rows: _show_all(rows, noun))

    @group.command("show", help=f"Show one {noun}.")
    @click.argument("name")
    @config_option
    @json_option
    def show(name: str, config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            found = switch.call("receiver", kind=kind, name=name)
        emit(found, as_json, _show)

    @group.command("dead", help=f"Show the events that were laid aside because the {noun} did not take them.")
    @click.argument("name")
    @config_option
    @json_option
    def dead(name: str, config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            rows = switch.call("receiver_dead", kind=kind, name=name)
        emit(rows, as_json, _show_dead)

    @group.command("retry", help="Try what waits at once, and of what was laid aside one event, or all.")
    @click.argument("name")
    @click.option("--seq", default=0, type=click.IntRange(0), help="The event that was laid aside.")
    @click.option("--all", "everything", is_flag=True, help="All that were laid aside, 100 at a time.")
    @config_option
    @json_option
    def retry(name: str, seq: int, everything: bool, config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            found = switch.call("receiver_retry", kind=kind, name=name, seq=seq, everything=everything)
        emit(found, as_json, _show_retry)

    @group.command("recent", help=f"Show the last attempts to tell the {noun} something, the newest first.")
    @click.argument("name")
    @config_option
    @json_option
    def recent(name: str, config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            rows = switch.call("receiver_recent", kind=kind, name=name)
        emit(rows, as_json, _show_recent)

    @group.command("discard", help="Forget one event that was laid aside, or all of them.")
    @click.argument("name")
    @click.option("--seq", default=0, type=click.IntRange(0), help="The event that was laid aside.")
    @click.option("--all", "everything", is_flag=True, help="All that were laid aside.")
    @config_option
    @json_option
    def discard(name: str, seq: int, everything: bool, config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            found = switch.call("receiver_discard", kind=kind, name=name, seq=seq, everything=everything)
        emit(found, as_json, lambda one: click.echo(f"{one['discarded']} forgotten, {one['left']} left."))

    @group.command("skip", help=f"Tell the {noun} nothing of what has happened so far.")
    @click.argument("name")
    @config_option
    @json_option
    def skip(name: str, config: Path | None, as_json: bool) -> None:
        with attached(config) as switch:
            found = switch.call("receiver_skip", kind=kind, name=name)
        emit(found, as_json, lambda one: click.echo(f"{name} goes on behind event {one['to']}."))


def _show_all(rows: list[dict[str, Any]], noun: str) -> None:
    table(
        "", ["name", "state", ">behind", ">delivered", ">dead", ">tried", "next", "error"],
        [
            [
                one["name"], one["state"], one["behind"], one["delivered"], one["dead"], one["attempts"] or "",
                _clock(one["next"]) if one["state"] == "failing" else "", one["error"],
            ]
            for one in rows
        ],
        empty=f"The site has no {noun}.",
    )  # fmt: skip


def _show(one: dict[str, Any]) -> None:
    shown = one | {
        "last": moment(one["last"]) if one["last"] else "never",
        "next": _clock(one["next"]) if one["state"] == "failing" else "",
        "oldest": seconds(one["oldest"]) if one["oldest"] else "",
    }
    for name, value in shown.items():
        text = ", ".join(str(part) for part in value) if isinstance(value, list) else value
        click.echo(f"{name + ':':<11} {text}".rstrip())


def _show_dead(rows: list[dict[str, Any]]) -> None:
    table(
        "", [">event", "name", "laid aside", ">attempts", "error"],
        [[one["seq"], one["event"], moment(one["at"]), one["attempts"], one["error"]] for one in rows],
        empty="Nothing was laid aside.",
    )  # fmt: skip


def _show_recent(rows: list[dict[str, Any]]) -> None:
    table(
        "", [">event", "name", "at", ">seconds", ">attempt", "queue", "error"],
        [
            [one["seq"], one["event"], moment(one["at"]), f"{one['seconds']:.3f}", one["attempt"], one["queue"], one["error"]]
            for one in rows
        ],
        empty="Nothing was sent since the switch was started.",
    )  # fmt: skip


def _show_retry(one: dict[str, Any]) -> None:
    click.echo(f"What waits is tried now. Of what was laid aside: delivered {one['delivered']}, left {one['left']}.")
    if one["gone"]:
        click.echo(f"The journal does not hold {one['gone']} of them any more.")
    if one["error"]:
        click.echo(f"Stopped at: {one['error']}")


def _clock(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall):%H:%M:%S}" if wall else "now"
