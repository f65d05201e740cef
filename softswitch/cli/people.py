"""Commands about who may use the pages and the API: user, token. With or without a running switch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from softswitch.cli.output import config_option, emit, json_option, table
from softswitch.cli.site import edit, given_password
from softswitch.directory.people import ROLES

F = TypeVar("F", bound=Callable[..., Any])

ROLE_HELP = (
    "agent: their own calls and queues; supervisor: the queues named; auditor: sees everything, changes nothing; "
    "administrator: everything."
)
queue_option = click.option(
    "--queue", "queues", multiple=True, help='Of a supervisor; several times, or "*" for all of them.'
)


def role_option(default: str) -> Callable[[F], F]:
    return click.option("--role", type=click.Choice(ROLES), default=default, show_default=True, help=ROLE_HELP)


# --- user ----------------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def user(context: click.Context) -> None:
    """People who log in to the pages."""
    if context.invoked_subcommand is None:
        context.invoke(user_list)


@user.command("list")
@config_option
@json_option
def user_list(config: Path | None = None, as_json: bool = False) -> None:
    """Show who may log in, and as what."""
    rows = edit(config, "user_list")["users"]
    emit(rows, as_json, _show_users)


def _show_users(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["user", "name", "role", "agent", "phone", "queues"],
        [
            [one["user"], one["title"], one["role"], one["agent"], one["account"], ", ".join(one["queues"])]
            for one in rows
        ],
        empty="Nobody can log in yet. Somebody who may do everything: softswitch user add eva --role administrator",
    )  # fmt: skip


@user.command("add")
@click.argument("user")
@role_option("agent")
@click.option("--title", default="", help="The person's name.")
@click.option("--agent", default="", help="The agent that they are.")
@click.option("--account", default="", help="The account whose phone rings for them.")
@queue_option
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@config_option
@json_option
def user_add(password_stdin: bool, config: Path | None, as_json: bool, queues: tuple[str, ...], **options: str) -> None:
    """Let somebody log in; the generated password is shown once."""
    made = edit(config, "user_add", password=given_password(password_stdin), queues=list(queues), **options)
    emit(made, as_json, lambda one: _show_password(one, given=password_stdin))


@user.command("passwd")
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@config_option
@json_option
def user_passwd(user: str, password_stdin: bool, config: Path | None, as_json: bool) -> None:
    """Give somebody a new password, shown once. Whoever is logged in with the old one is logged out."""
    made = edit(config, "user_passwd", user=user, password=given_password(password_stdin))
    emit(made, as_json, lambda one: _show_password(one, given=password_stdin))


@user.command("remove")
@click.argument("user")
@config_option
@json_option
def user_remove(user: str, config: Path | None, as_json: bool) -> None:
    """Let somebody log in no more; they are logged out."""
    gone = edit(config, "user_remove", user=user)
    emit(gone, as_json, lambda one: click.echo(f"{one['user']} is removed."))


def _show_password(made: dict[str, Any], *, given: bool) -> None:
    click.echo(f"User {made['user']} is ready ({made['role']}).")
    if not given:
        click.echo(f"Password: {made['password']}   (shown only now)")


# --- token ---------------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def token(context: click.Context) -> None:
    """Tokens, by which programs use the API."""
    if context.invoked_subcommand is None:
        context.invoke(token_list)


@token.command("list")
@config_option
@json_option
def token_list(config: Path | None = None, as_json: bool = False) -> None:
    """Show the tokens; what they look like nobody can see again."""
    rows = edit(config, "token_list")["tokens"]
    emit(rows, as_json, _show_tokens)


def _show_tokens(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["token", "for", "role", "agent", "queues", "until"],
        [
            [one["token"], one["title"], one["role"], one["agent"], ", ".join(one["queues"]), one["expires"]]
            for one in rows
        ],
        empty="There are no tokens. One that sees everything and changes nothing: softswitch token add wallboard",
    )  # fmt: skip


@token.command("add")
@click.argument("token")
@role_option("auditor")
@click.option("--title", default="", help="What it is for.")
@click.option("--agent", default="", help="Whose calls and queues it is about, with the role agent.")
@queue_option
@click.option("--expires", default="", help='The last day on which it is taken, such as "2027-12-31".')
@config_option
@json_option
def token_add(config: Path | None, as_json: bool, queues: tuple[str, ...], **options: str) -> None:
    """Make a token for a program; it is shown once."""
    made = edit(config, "token_add", queues=list(queues), **options)
    emit(made, as_json, _show_token)


def _show_token(made: dict[str, Any]) -> None:
    click.echo(f"Token {made['token']} is ready ({made['role']}).")
    click.echo(f"Authorization: Bearer {made['shown']}   (shown only now)")


@token.command("remove")
@click.argument("token")
@config_option
@json_option
def token_remove(token: str, config: Path | None, as_json: bool) -> None:
    """Take a token back: it is refused from now on."""
    gone = edit(config, "token_remove", token=token)
    emit(gone, as_json, lambda one: click.echo(f"{one['token']} is removed."))
