"""Commands for callers who wait: priority, place, agent, queue, out; and for queues that too many call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.live import queue
from softswitch.cli.output import config_option, emit, json_option


def _steer(verb: str, config: Path | None, as_json: bool, **order: Any) -> None:
    with attached(config) as switch:
        result = switch.call(verb, **order)
    emit(result, as_json, _show)


def _show(one: dict[str, Any]) -> None:
    if one["queue"]:
        place = "is being connected" if one["position"] is None else f"place {one['position']}"
        click.echo(f"{one['call']}: {one['queue']}, {place}, priority {one['priority']}")
    else:
        click.echo(f"{one['call']} has left the queue.")


@queue.command("prioritise")
@click.argument("call")
@click.argument("priority", type=int)
@config_option
@json_option
def prioritise(call: str, priority: int, config: Path | None, as_json: bool) -> None:
    """Give a caller who waits another priority, at once. Put `--` before a negative one."""
    _steer("prioritise", config, as_json, call=call, priority=priority)


@queue.command("place")
@click.argument("call")
@click.argument("position", type=click.IntRange(min=1))
@config_option
@json_option
def place(call: str, position: int, config: Path | None, as_json: bool) -> None:
    """Put a caller at a place of the queue: 1 is the head."""
    _steer("place", config, as_json, call=call, position=position)


@queue.command("assign")
@click.argument("call")
@click.argument("agent")
@config_option
@json_option
def assign(call: str, agent: str, config: Path | None, as_json: bool) -> None:
    """Ring a certain agent for a caller now, who has to be free."""
    _steer("assign", config, as_json, call=call, agent=agent)


@queue.command("move")
@click.argument("call")
@click.argument("to")
@config_option
@json_option
def move(call: str, to: str, config: Path | None, as_json: bool) -> None:
    """Lead a caller to another queue, where the time that they have waited counts."""
    _steer("move", config, as_json, call=call, queue=to)


@queue.command("withdraw")
@click.argument("call")
@click.option("--to", default="", help='Where to, such as "voicemail:BOX"; without it a farewell, and the end.')
@config_option
@json_option
def withdraw(call: str, to: str, config: Path | None, as_json: bool) -> None:
    """Take a caller out of the queue."""
    _steer("withdraw", config, as_json, call=call, to=to)


@queue.command("surge")
@click.argument("name")
@click.argument("order", type=click.Choice(["on", "off", "auto"]))
@config_option
@json_option
def surge(name: str, order: str, config: Path | None, as_json: bool) -> None:
    """Have a queue surge, or not, or by its thresholds again."""
    with attached(config) as switch:
        result = switch.call("surge", queue=name, order=order)
    emit(result, as_json, _show_surge)


def _show_surge(one: dict[str, Any]) -> None:
    how = "by threshold" if one["order"] == "auto" else "by hand"
    click.echo(f"{one['queue']}: {'surging' if one['surging'] else 'calm'} ({how}), {one['waiting']} waiting")
