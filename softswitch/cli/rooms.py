"""Commands about more than two in a conversation: supervision, three-way calls, conferences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table

# --- call ----------------------------------------------------------------------------------------------------------------


@click.group()
def call() -> None:
    """Begin a call, join in one: supervise it, make one of two."""


@call.command("spy")
@click.argument("call")
@click.option("--as", "account", required=True, help="The account whose phone rings; the site says whom it supervises.")
@click.option(
    "--mode", type=click.Choice(["listen", "whisper", "barge", "takeover"]), default="listen", show_default=True
)
@config_option
@json_option
def call_spy(call: str, account: str, mode: str, config: Path | None, as_json: bool) -> None:
    """Ring a supervisor's phone and let it listen to a call by its id (see `softswitch calls`).

    Keys change what the supervisor does: 4 listen, 5 whisper to the agent, 6 barge, 7 take the call over.
    """
    with attached(config) as switch:
        done = switch.call("spy", call=call, account=account, mode=mode)
    emit(done, as_json, lambda one: click.echo(f"{one['account']} is rung to {one['mode']}."))


@call.command("originate")
@click.argument("account")
@click.argument("number")
@click.option("--auto-answer", is_flag=True, help="Ask the phone to answer by itself (a headset).")
@config_option
@json_option
def call_originate(account: str, number: str, auto_answer: bool, config: Path | None, as_json: bool) -> None:
    """Ring the phone of ACCOUNT, and call NUMBER for whoever answers, as if they had dialled it.

    What the account may not call it does not call this way either.
    """
    with attached(config) as switch:
        done = switch.call("originate", account=account, number=number, auto_answer=auto_answer)
    emit(done, as_json, lambda one: click.echo(f"{one['account']} is rung for {one['number']}: call {one['call']}."))


@call.command("merge")
@click.argument("call")
@click.argument("other")
@config_option
@json_option
def call_merge(call: str, other: str, config: Path | None, as_json: bool) -> None:
    """Make one conversation of two calls that the same phone is in."""
    with attached(config) as switch:
        done = switch.call("merge", call=call, other=other)
    emit(done, as_json, lambda one: click.echo("They hear each other."))


# --- conference ----------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def conference(context: click.Context) -> None:
    """Conferences: who is in them, lock, mute, remove."""
    if context.invoked_subcommand is None:
        context.invoke(conference_list)


@conference.command("list")
@config_option
@json_option
def conference_list(config: Path | None = None, as_json: bool = False) -> None:
    """Show every conference of the site and who is in it."""
    with attached(config) as switch:
        emit(switch.call("conferences"), as_json, _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["conference", "title", "state", "caller", "name", "part", ">for", "call"],
        [
            row
            for one in found
            for row in (
                [
                    [one["conference"], one["title"], _state(one), member["caller"], member["caller_name"], _part(member),
                     seconds(member["seconds"]), member["call"]]
                    for member in one["members"]
                ]
                or [[one["conference"], one["title"], "empty", "", "", "", "", ""]]
            )
        ],
        empty="There are no conferences. Add one to the site and run: softswitch apply site.toml",
    )  # fmt: skip


def _state(one: dict[str, Any]) -> str:
    return ", ".join(word for word in ("locked", "muted") if one[word]) or "open"


def _part(member: dict[str, Any]) -> str:
    return ", ".join(word for word in ("moderator", "muted") if member[word])


def _order(verb: str, name: str, call: str | None, config: Path | None, as_json: bool) -> None:
    with attached(config) as switch:
        done = switch.call("conference", name=name, verb=verb, call=call or "")
    emit(done, as_json, lambda one: _show([one]))


@conference.command("kick")
@click.argument("name")
@click.argument("call", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@config_option
@json_option
def conference_kick(name: str, call: str | None, everybody: bool, config: Path | None, as_json: bool) -> None:
    """End the call of a member, by its id, or of all."""
    if (call is None) == (not everybody):
        raise click.UsageError("Name one call, or give --all.")
    _order("kick", name, call, config, as_json)


@conference.command("mute")
@click.argument("name")
@click.argument("call", required=False)
@click.option("--off", is_flag=True, help="Let them speak again.")
@config_option
@json_option
def conference_mute(name: str, call: str | None, off: bool, config: Path | None, as_json: bool) -> None:
    """Mute a member, or everybody who is no moderator."""
    _order("unmute" if off else "mute", name, call, config, as_json)


@conference.command("lock")
@click.argument("name")
@click.option("--off", is_flag=True, help="Open it again.")
@config_option
@json_option
def conference_lock(name: str, off: bool, config: Path | None, as_json: bool) -> None:
    """Let nobody more in who is no moderator."""
    _order("unlock" if off else "lock", name, None, config, as_json)
