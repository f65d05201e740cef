"""Commands about the phones in a call: hold, answer, play, connect two, change what a supervisor does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option
from softswitch.cli.rooms import call


def _hold(verb: str, name: str, account: str, config: Path | None, as_json: bool) -> None:
    with attached(config) as switch:
        done = switch.call("call_hold", call=name, verb=verb, account=account)
    emit(done, as_json, lambda one: click.echo("On hold." if verb == "hold" else "They talk."))


@call.command("hold")
@click.argument("name", metavar="CALL")
@click.option(
    "--for", "account", default="", help="The account whose other party waits; without it, whoever was called."
)
@config_option
@json_option
def call_hold(name: str, account: str, config: Path | None, as_json: bool) -> None:
    """Let the other party of a phone hear music; the phone need not know how."""
    _hold("hold", name, account, config, as_json)


@call.command("resume")
@click.argument("name", metavar="CALL")
@click.option("--for", "account", default="", help="The account that held; without it, whoever was called.")
@config_option
@json_option
def call_resume(name: str, account: str, config: Path | None, as_json: bool) -> None:
    """Let the two talk again after `call hold`."""
    _hold("resume", name, account, config, as_json)


@call.command("answer")
@click.argument("name", metavar="CALL")
@click.argument("account")
@config_option
@json_option
def call_answer(name: str, account: str, config: Path | None, as_json: bool) -> None:
    """Have the phone of ACCOUNT answer what rings there; phones that know the event "talk" do. Its end: `call order`."""
    with attached(config) as switch:
        emit(switch.call("call_answer", call=name, account=account), as_json, _show)


@call.command("play")
@click.argument("name", metavar="CALL")
@click.argument("clips", nargs=-1, required=True)
@click.option(
    "--to",
    "whom",
    type=click.Choice(["caller", "called", "both"]),
    default="both",
    show_default=True,
    help="Who hears it.",
)
@config_option
@json_option
def call_play(name: str, clips: tuple[str, ...], whom: str, config: Path | None, as_json: bool) -> None:
    """Play clips (`softswitch prompt list`) into a conversation, which goes on afterwards. Its end: `call order`."""
    with attached(config) as switch:
        emit(switch.call("call_play", call=name, clips=list(clips), to=whom), as_json, _show)


@call.command("bridge")
@click.argument("name", metavar="CALL")
@click.argument("other")
@config_option
@json_option
def call_bridge(name: str, other: str, config: Path | None, as_json: bool) -> None:
    """Connect the customers of two calls; whoever served them is let go."""
    with attached(config) as switch:
        done = switch.call("call_bridge", call=name, other=other)
    emit(done, as_json, lambda one: click.echo("They talk to each other."))


@call.command("order")
@click.argument("order")
@config_option
@json_option
def call_order(order: str, config: Path | None, as_json: bool) -> None:
    """Show what has become of an order that takes time."""
    with attached(config) as switch:
        emit(switch.call("call_order", order=order), as_json, _show)


@call.command("supervise")
@click.argument("name", metavar="CALL")
@click.option("--as", "account", required=True, help="The account whose phone hears the call already.")
@click.option("--mode", type=click.Choice(["listen", "whisper", "barge", "takeover", "end"]), required=True)
@config_option
@json_option
def call_supervise(name: str, account: str, mode: str, config: Path | None, as_json: bool) -> None:
    """Change what a supervisor does who hears a call (`call spy`), without another call."""
    with attached(config) as switch:
        done = switch.call("supervise", call=name, account=account, mode=mode)
    emit(done, as_json, lambda one: click.echo(f"{one['account']}: {one['mode']}."))


def _show(one: dict[str, Any]) -> None:
    why = f" ({one['detail']})" if one["detail"] else ""
    click.echo(f"{one['verb']} {one['state']}{why}: order {one['order']} of call {one['call']}.")
