"""Recordings: which there are, where they are, and recording a call by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table


@click.group()
def recording() -> None:
    """Recordings: list them, find their files, record a call by hand."""


@recording.command("list")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--agent", default="", help="Only of this agent.")
@click.option("--number", default="", help="Only of calls from this number.")
@click.option("--call", default="", help="Only of this call.")
@click.option("--tag", default="", help="Only with this tag.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@config_option
@json_option
def recording_list(
    queue: str, agent: str, number: str, call: str, tag: str, limit: int, config: Path | None, as_json: bool
) -> None:
    """Show the newest recordings, those that go on included."""
    with attached(config) as switch:
        found = switch.call("recordings", limit=limit, queue=queue, agent=agent, caller=number, call=call, tag=tag)
    emit(found, as_json, _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["recording", "started", ">lasts", ">MB", "queue", "agent", "caller", "state"],
        [
            [
                one["recording"], moment(one["started_at"]), seconds(one["seconds"]) if one["ended_at"] else "",
                f"{one['octets'] / 1e6:.1f}", one["queue"], one["agent"], one["caller"], _state(one),
            ]
            for one in found
        ],
        empty='There are no recordings. A queue or an account says: record = "always" or "on_demand".',
    )  # fmt: skip


def _state(one: dict[str, Any]) -> str:
    if one["ended_at"] is None:
        return "recording"
    if one["deleted_at"] is not None:
        return "deleted"
    if one["error"]:
        return str(one["error"])
    if one["interrupted"]:
        return "interrupted"
    return f"{one['lost_seconds']:.1f} s lost" if one["lost_seconds"] else "complete"


def moment(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().strftime("%Y-%m-%d %H:%M:%S")


@recording.command("show")
@click.argument("recording", type=int)
@config_option
@json_option
def recording_show(recording: int, config: Path | None, as_json: bool) -> None:
    """Show everything about one recording."""
    with attached(config) as switch:
        emit(switch.call("recording", recording=recording), as_json, _show_one)


def _show_one(one: dict[str, Any]) -> None:
    for name, value in one.items():
        if name.endswith("_at") and value is not None:
            value = moment(value)
        click.echo(f"{name.replace('_', ' '):16} {'' if value is None else value}")


@recording.command("path")
@click.argument("recording", type=int)
@config_option
def recording_path(recording: int, config: Path | None) -> None:
    """Print where the file of a recording is."""
    with attached(config) as switch:
        click.echo(switch.call("recording", recording=recording)["file"])


DONE: Final = {
    "start": "is recorded from now on", "stop": "is no longer recorded", "pause": "is not recorded until you say resume",
    "resume": "is recorded again",
}  # fmt: skip


def _order(verb: str, call: str, config: Path | None, as_json: bool) -> None:
    with attached(config) as switch:
        emit(
            switch.call("record", call=call, verb=verb), as_json, lambda one: click.echo(f"{one['call']} {DONE[verb]}.")
        )


@recording.command("start")
@click.argument("call")
@config_option
@json_option
def recording_start(call: str, config: Path | None, as_json: bool) -> None:
    """Record a conversation from now on (see the ids with `softswitch calls`)."""
    _order("start", call, config, as_json)


@recording.command("stop")
@click.argument("call")
@config_option
@json_option
def recording_stop(call: str, config: Path | None, as_json: bool) -> None:
    """End the recording of a conversation that goes on."""
    _order("stop", call, config, as_json)


@recording.command("pause")
@click.argument("call")
@config_option
@json_option
def recording_pause(call: str, config: Path | None, as_json: bool) -> None:
    """Leave out what is said from now on: a card number."""
    _order("pause", call, config, as_json)


@recording.command("resume")
@click.argument("call")
@config_option
@json_option
def recording_resume(call: str, config: Path | None, as_json: bool) -> None:
    """Record again after a pause."""
    _order("resume", call, config, as_json)


@recording.command("mark")
@click.argument("recording", type=int)
@click.option("--tag", "tags", multiple=True, help="Its tags from now on; more than once for several.")
@click.option("--note", default=None, help="Its note from now on.")
@click.option("--hold/--release", default=None, help="Keep it, whatever the days say; or let the days hold again.")
@config_option
@json_option
def recording_mark(
    recording: int, tags: tuple[str, ...], note: str | None, hold: bool | None, config: Path | None, as_json: bool
) -> None:
    """Give a recording tags or a note, or hold it against its deletion."""
    with attached(config) as switch:
        found = switch.call(
            "mark_recording", recording=recording, tags=list(tags) or None, note=note, held=hold, by="cli"
        )
    emit(found, as_json, _show_one)


@recording.command("link")
@click.argument("recording", type=int)
@click.option("--hours", default=72.0, show_default=True, help="How long it is good.")
@config_option
@json_option
def recording_link(recording: int, hours: float, config: Path | None, as_json: bool) -> None:
    """Make a link on the pages of the switch that is good without a login, until it expires."""
    with attached(config) as switch:
        found = switch.call("share_recording", recording=recording, hours=hours, by="cli")
    emit(found, as_json, lambda one: click.echo(f"{one['path']}\ngood until {moment(one['until'])}"))


@recording.command("revoke-links")
@config_option
def recording_revoke(config: Path | None) -> None:
    """Make every link to a recording that was made so far worthless."""
    with attached(config) as switch:
        switch.call("revoke_links", by="cli")
    click.echo("No link that was made so far is good any more.")
