"""Callbacks: who is to be called back, and what became of those who were."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table
from softswitch.cli.recording import moment


@click.group()
def callback() -> None:
    """Callbacks: list them, add agreed ones, give them to somebody, close them, report."""


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A local time, or one with an offset."""
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone().timestamp()
    except ValueError:
        raise click.BadParameter('a time such as "2027-03-02 14:30" is expected') from None


at_option = click.option(
    "--at", callback=_moment, metavar="TIME", help='When to call, local time such as "2027-03-02 14:30".'
)


@callback.command("list")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--number", default="", help="Only of this number.")
@click.option("--all", "ended", is_flag=True, help="Those too that have ended, the newest first.")
@config_option
@json_option
def show(queue: str, number: str, ended: bool, config: Path | None, as_json: bool) -> None:
    """Show the callbacks that are open, the oldest first."""
    with attached(config) as switch:
        found = switch.call("callback_history" if ended else "callbacks", queue=queue, number=number)
    emit(found, as_json, _show_history if ended else _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["callback", "queue", "number", "name", "kind", "state", ">place", ">waits", ">due in", ">calls", "agent", "note"],
        [
            [
                one["callback"], one["queue"], one["number"], one["name"], one["kind"], one["state"], one["position"],
                seconds(one["waited"]), seconds(one["due_in"]) if one["due_in"] > 0 else "",
                f"{one['attempts']} ({one['cause']})" if one["cause"] else one["attempts"], one["owner"], one["note"],
            ]
            for one in found
        ],
        empty="Nobody is to be called back.",
    )  # fmt: skip


def _show_history(found: list[dict[str, Any]]) -> None:
    table(
        "", ["callback", "queue", "number", "name", "kind", "asked for", "outcome", ">after", ">calls", "agent"],
        [
            [
                one["callback"], one["queue"], one["number"], one["name"], one["kind"], moment(one["created_at"]),
                one["outcome"] or "open", seconds(one["seconds"]) if one["outcome"] else "", one["attempts"],
                one["agent"] or one["owner"],
            ]
            for one in found
        ],
        empty="There were no callbacks.",
    )  # fmt: skip


@callback.command("add")
@click.argument("queue")
@click.argument("number")
@at_option
@click.option("--owner", default="", metavar="AGENT", help="The agent who calls back; else whoever the queue chooses.")
@click.option("--name", default="", help="Of the customer.")
@click.option("--note", default="", help="What it is about.")
@config_option
@json_option
def add(
    queue: str, number: str, at: float | None, owner: str, name: str, note: str, config: Path | None, as_json: bool
) -> None:
    """Have a number called back by a queue, at once or at an agreed time."""
    with attached(config) as switch:
        made = switch.call("callback_add", queue=queue, number=number, at=at, owner=owner, name=name, note=note)
    emit(made, as_json, lambda one: click.echo(f"{one['callback']} is on the list."))


@callback.command("assign")
@click.argument("callback_id", metavar="CALLBACK")
@click.option("--owner", metavar="AGENT", help="The agent who calls back.")
@click.option("--anybody", is_flag=True, help="Whoever the queue chooses calls back.")
@click.option("--queue", default="", help="The queue whose it is from now on.")
@at_option
@config_option
@json_option
def assign(
    callback_id: str, owner: str | None, anybody: bool, queue: str, at: float | None, config: Path | None, as_json: bool
) -> None:
    """Give a callback to an agent, another queue, or another time."""
    if not (owner or anybody or queue or at is not None):
        raise click.UsageError("Say what is to change: --owner, --anybody, --queue or --at.")
    with attached(config) as switch:
        made = switch.call("callback_assign", callback=callback_id, owner="" if anybody else owner, queue=queue, at=at)
    emit(made, as_json, lambda one: click.echo(f"{one['callback']} is changed."))


@callback.command("done")
@click.argument("callback_id", metavar="CALLBACK")
@config_option
def done(callback_id: str, config: Path | None) -> None:
    """Close a callback: the customer was reached in another way."""
    with attached(config) as switch:
        switch.call("callback_done", callback=callback_id)
    click.echo("Done.")


@callback.command("cancel")
@click.argument("callback_id", metavar="CALLBACK")
@config_option
def cancel(callback_id: str, config: Path | None) -> None:
    """Take a callback off the list."""
    with attached(config) as switch:
        switch.call("callback_cancel", callback=callback_id)
    click.echo("Cancelled.")


@callback.command("report")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 3_650), help="Asked for in so many days.")
@config_option
@json_option
def report(days: int, config: Path | None, as_json: bool) -> None:
    """Show what became of callbacks, and how long customers waited for them."""
    with attached(config) as switch:
        found = switch.call("callback_report", days=days)
    emit(found, as_json, _show_report)


def _show_report(found: list[dict[str, Any]]) -> None:
    table(
        "", ["queue", ">asked for", ">reached", ">in time", ">given up", ">called again", ">by hand", ">cancelled", ">open",
             ">mean time", ">longest"],
        [
            [
                one["queue"], one["asked"], one["results"].get("reached", 0), one["in_time"],
                sum(one["results"].get(name, 0) for name in ("not_reached", "expired", "forbidden")),
                one["results"].get("called_again", 0), one["results"].get("by_hand", 0),
                one["results"].get("cancelled", 0) + one["results"].get("superseded", 0), one["open"],
                seconds(one["mean_seconds"]) if one["mean_seconds"] is not None else "–", seconds(one["longest_seconds"]),
            ]
            for one in found
        ],
        empty="Nobody has asked to be called back.",
    )  # fmt: skip
