"""Commands about what phones do besides calling: forwarding, do not disturb, parked calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table

FORWARDS = ("always", "busy", "no_answer", "unreachable")


@click.group(invoke_without_command=True)
@click.pass_context
def phone(context: click.Context) -> None:
    """What holds for the phones of accounts: forwarding, do not disturb, call waiting."""
    if context.invoked_subcommand is None:
        context.invoke(phone_list)


@phone.command("list")
@config_option
@json_option
def phone_list(config: Path | None = None, as_json: bool = False) -> None:
    """Show the settings of all accounts; a star marks what the phone has set, rather than the site."""
    with attached(config) as switch:
        emit(switch.call("phones"), as_json, _show)


def _show(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["account", "name", "do not disturb", "call waiting", *(f"forward: {one.replace('_', ' ')}" for one in FORWARDS)],
        [
            [one["account"], one["name"], *(_value(one, name) for name in (
                "do_not_disturb", "call_waiting", *(f"forward_{kind}" for kind in FORWARDS)
            ))]
            for one in rows
        ],
        empty="There are no accounts. Add one: softswitch account add 101 --name 'Anna Nowak'",
    )  # fmt: skip


def _value(row: dict[str, Any], name: str) -> str:
    return f"{row[name]}*" if name in row["overruled"] else str(row[name])


@phone.command("forward")
@click.argument("account")
@click.argument("target", default="")
@click.option(
    "--when", type=click.Choice(FORWARDS), default="always", show_default=True, help="Which calls are led there."
)
@click.option("--off", is_flag=True, help="Forward these calls no longer.")
@config_option
@json_option
def phone_forward(account: str, target: str, when: str, off: bool, config: Path | None, as_json: bool) -> None:
    """Lead calls of ACCOUNT to TARGET: a number as its phone would dial it, or a destination such as queue:sales."""
    if bool(target) is off:
        raise click.UsageError("Give a TARGET, or --off.")
    _set(account, f"forward_{when}", target, config, as_json)


@phone.command("dnd")
@click.argument("account")
@click.argument("state", type=click.Choice(["on", "off"]))
@config_option
@json_option
def phone_dnd(account: str, state: str, config: Path | None, as_json: bool) -> None:
    """Do not disturb: calls of ACCOUNT are busy."""
    _set(account, "do_not_disturb", state, config, as_json)


@phone.command("call-waiting")
@click.argument("account")
@click.argument("state", type=click.Choice(["on", "off"]))
@config_option
@json_option
def phone_call_waiting(account: str, state: str, config: Path | None, as_json: bool) -> None:
    """Whether a second call rings at ACCOUNT."""
    _set(account, "call_waiting", state, config, as_json)


def _set(account: str, setting: str, value: str, config: Path | None, as_json: bool) -> None:
    with attached(config) as switch:
        done = switch.call("phone", account=account, setting=setting, value=value)
    emit(done, as_json, lambda one: _show([one]))


@click.command()
@config_option
@json_option
def parked(config: Path | None, as_json: bool) -> None:
    """Calls that wait until somebody dials the number of their place."""
    with attached(config) as switch:
        emit(switch.call("parked"), as_json, _show_parked)


def _show_parked(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["place", "who", "parked by", ">for", ">comes back in", "call"],
        [
            [one["slot"], one["party"], one["by"], seconds(one["seconds"]), seconds(one["comes_back_in"]), one["call"]]
            for one in rows
        ],
        empty="No call is parked.",
    )  # fmt: skip
