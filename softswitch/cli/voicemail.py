"""Mailboxes: their messages, PINs, and the mails that were sent of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table
from softswitch.cli.recording import moment


@click.group()
def voicemail() -> None:
    """Mailboxes: list messages, find their files, delete them, set PINs."""


@voicemail.command("boxes")
@config_option
@json_option
def boxes(config: Path | None, as_json: bool) -> None:
    """Show every mailbox and how many messages it holds."""
    with attached(config) as switch:
        emit(switch.call("voicemail", verb="boxes"), as_json, _show_boxes)


def _show_boxes(found: list[dict[str, Any]]) -> None:
    table(
        "", ["mailbox", "title", ">new", ">old", "PIN", "greetings", "queue", "e-mail"],
        [
            [
                one["mailbox"], one["title"], one["new"], f"{one['old']} (full)" if one["full"] else one["old"],
                "yes" if one["pin"] else "", ", ".join(one["greetings"]), one["queue"], ", ".join(one["email"]),
            ]
            for one in found
        ],
        empty="The site has no mailboxes: [mailbox.NAME] of site.toml.",
    )  # fmt: skip


@voicemail.command("list")
@click.option("--mailbox", default="", help="Only of this mailbox.")
@click.option("--number", default="", help="Only from this number.")
@click.option("--deleted", is_flag=True, help="Those too that are deleted and can be restored.")
@config_option
@json_option
def messages(mailbox: str, number: str, deleted: bool, config: Path | None, as_json: bool) -> None:
    """Show messages, the newest first."""
    with attached(config) as switch:
        found = switch.call("voicemail", verb="list", mailbox=mailbox, number=number, deleted=deleted)
    emit(found, as_json, _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["message", "mailbox", "left", ">lasts", "from", "name", "state", "mail"],
        [
            [
                one["id"], one["mailbox"], moment(one["left_at"]), seconds(one["seconds"]), one["caller"],
                one["caller_name"], _state(one), one["mail"],
            ]
            for one in found
        ],
        empty="There are no messages.",
    )  # fmt: skip


def _state(one: dict[str, Any]) -> str:
    if one["deleted_at"]:
        return "deleted"
    return "heard" if one["heard"] else "new"


def _one(message: int, config: Path | None) -> dict[str, Any]:
    with attached(config) as switch:
        found: dict[str, Any] = switch.call("voicemail", verb="show", message=message)
    return found


@voicemail.command("path")
@click.argument("message", type=int)
@config_option
def path(message: int, config: Path | None) -> None:
    """Print where the file of a message is."""
    click.echo(_one(message, config)["file"])


@voicemail.command("export")
@click.argument("message", type=int)
@click.argument("target", type=click.Path(path_type=Path))
@config_option
def export(message: int, target: Path, config: Path | None) -> None:
    """Copy the WAV file of a message to a file or folder."""
    source = Path(_one(message, config)["file"])
    if target.is_dir():
        target = target / source.name
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise click.ClickException(f"{source} cannot be copied to {target}: {error.strerror}") from None
    click.echo(str(target))


@voicemail.command("delete")
@click.argument("message", type=int)
@config_option
@json_option
def delete(message: int, config: Path | None, as_json: bool) -> None:
    """Delete a message; it can be restored for a while (voicemail.undelete_hours)."""
    with attached(config) as switch:
        found = switch.call("voicemail", verb="delete", message=message)
    emit(found, as_json, lambda one: click.echo(f"{one['id']}: deleted."))


@voicemail.command("restore")
@click.argument("message", type=int)
@config_option
@json_option
def restore(message: int, config: Path | None, as_json: bool) -> None:
    """Take back a deletion."""
    with attached(config) as switch:
        found = switch.call("voicemail", verb="restore", message=message)
    emit(found, as_json, lambda one: click.echo(f"{one['id']}: restored."))


@voicemail.command("erase")
@click.argument("number")
@click.confirmation_option(prompt="Erase all messages of this caller for good?")
@config_option
@json_option
def erase(number: str, config: Path | None, as_json: bool) -> None:
    """Erase everything that a caller left, at once and for good."""
    with attached(config) as switch:
        count = switch.call("voicemail", verb="erase", number=number)
    emit(count, as_json, lambda gone: click.echo(f"{gone} messages erased."))


@voicemail.command("pin")
@click.argument("mailbox")
@click.option("--reset", is_flag=True, help="Back to the PIN of the site; opens a locked mailbox.")
@config_option
@json_option
def pin(mailbox: str, reset: bool, config: Path | None, as_json: bool) -> None:
    """Set the PIN of a mailbox (it is asked for), or reset it."""
    typed = "" if reset else click.prompt("New PIN", hide_input=True, confirmation_prompt=True)
    with attached(config) as switch:
        found = switch.call("voicemail", verb="pin", mailbox=mailbox, pin=typed)
    emit(found, as_json, lambda one: click.echo(f"{one['mailbox']}: {'has a PIN' if one['pin'] else 'has no PIN'}."))


@voicemail.command("mail")
@click.option("--retry", is_flag=True, help="Try again what was given up.")
@click.option("--forget", is_flag=True, help="Forget what was given up; the messages stay in their mailboxes.")
@config_option
@json_option
def mail(retry: bool, forget: bool, config: Path | None, as_json: bool) -> None:
    """Show mails that wait and those that were given up."""
    with attached(config) as switch:
        found = switch.call("voicemail", verb="mail", retry=retry, forget=forget)
    emit(found, as_json, _show_mail)


def _show_mail(found: dict[str, Any]) -> None:
    click.echo(f"{found['waiting']} waiting{': ' + found['trouble'] if found['trouble'] else ''}")
    rows = [[message, error] for message, error in found["failed"].items()]
    table("given up", ["message", "why"], rows, empty="None was given up.")
