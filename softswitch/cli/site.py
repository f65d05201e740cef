"""Commands that change the stored site: account, apply, export. With or without a running switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from softswitch.cli.attach import Attached, running
from softswitch.cli.context import configuration
from softswitch.cli.output import UNKNOWN, WRONG_CONFIG, Failure, config_option, emit, json_option, table
from softswitch.errors import ConfigError, SoftswitchError

if TYPE_CHECKING:
    from softswitch.config import Config


def edit(config: Path | None, operation: str, **arguments: Any) -> dict[str, Any]:
    """Carry out an operation of `softswitch.editing` where the database is: in the running switch, or here."""
    settings = configuration(config)
    if running(settings.paths.socket):
        with Attached(settings.paths.socket) as switch:
            result: dict[str, Any] = switch.call("edit", operation=operation, options=arguments)
            return result
    return _edit_here(settings, operation, arguments)


def _edit_here(settings: Config, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from softswitch.setup import edit_stored

    try:
        return edit_stored(settings, operation, arguments, actor="cli")
    except ConfigError as error:
        raise Failure(str(error), "Nothing was changed.", WRONG_CONFIG) from None
    except SoftswitchError as error:
        code = UNKNOWN if getattr(error, "kind", "") == "unknown" else 1
        raise Failure(str(error), getattr(error, "hint", ""), code) from None


# --- account -------------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def account(context: click.Context) -> None:
    """Accounts: what phones register as."""
    if context.invoked_subcommand is None:
        context.invoke(account_list)


@account.command("list")
@config_option
@json_option
def account_list(config: Path | None = None, as_json: bool = False) -> None:
    """Show all accounts."""
    rows = edit(config, "account_list")["accounts"]
    emit(rows, as_json, _show_accounts)


def _show_accounts(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["account", "name", "shows number", "agent", "digests"],
        [[one["user"], one["name"], one["number"], one["agent"], ", ".join(one["algorithms"])] for one in rows],
        empty="There are no accounts. Add one: softswitch account add 101 --name 'Anna Nowak'",
    )  # fmt: skip


@account.command("add")
@click.argument("user")
@click.option("--name", default="", help="Shown to whom it calls.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@config_option
@json_option
def account_add(user: str, name: str, password_stdin: bool, config: Path | None, as_json: bool) -> None:
    """Add an account; the generated password is shown once."""
    made = edit(config, "account_add", user=user, name=name, password=_password(password_stdin))
    emit(made, as_json, lambda one: _show_password(one, given=password_stdin))


@account.command("passwd")
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@config_option
@json_option
def account_passwd(user: str, password_stdin: bool, config: Path | None, as_json: bool) -> None:
    """Give an account a new password; it is shown once."""
    made = edit(config, "account_passwd", user=user, password=_password(password_stdin))
    emit(made, as_json, lambda one: _show_password(one, given=password_stdin))


@account.command("remove")
@click.argument("user")
@config_option
@json_option
def account_remove(user: str, config: Path | None, as_json: bool) -> None:
    """Remove an account."""
    gone = edit(config, "account_remove", user=user)
    emit(gone, as_json, lambda one: click.echo(f"{one['user']} is removed."))


def _password(from_stdin: bool) -> str:
    # Never from the command line: every user of the machine could read it there.
    if not from_stdin:
        return ""
    return (
        click.prompt("Password", hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )


def _show_password(made: dict[str, Any], *, given: bool) -> None:
    click.echo(f"Account {made['user']} is ready.")
    if not given:
        click.echo(f"Password: {made['password']}   (shown only now)")


# --- apply, export ---------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@config_option
@json_option
def apply(file: Path, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Put the site in FILE (site.toml; - for standard input) in force, all of it or nothing.

    Accounts without a password keep theirs. Waiting callers and calls are not disturbed.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Failure(
            f"There is no file {file}.", "The site in force as a file: softswitch export > site.toml"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}.", "It must be a text file in UTF-8.") from None
    result = edit(config, "apply", text=text, file=str(file), dry_run=dry_run)
    emit(result, as_json, _show_changes)


def _show_changes(result: dict[str, Any]) -> None:
    colours = {"+": "green", "-": "red", "~": "yellow", "!": "magenta"}
    for line in result["changes"]:
        click.secho(line, fg=colours.get(line[:1]))
    if not result["changes"]:
        click.echo("No change.")
    elif result["dry_run"]:
        click.echo("Nothing was changed (dry run).")
    else:
        click.echo(f"Site version {result['version']} is in force.")


def _write(output: Path, text: str) -> None:
    from softswitch.setup import write_private

    try:
        if output.exists() and not output.is_file():
            output.write_text(text)  # A pipe or a device: it must not be replaced by a file.
        else:
            write_private(output, text)
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}.", "Choose another file.") from None


@click.command()
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write to this file (mode 0600), not to standard output."
)
@click.option(
    "--no-secrets", is_flag=True, help="Leave the password digests out: for showing, and for version control."
)
@config_option
@json_option
def export(output: Path | None, no_secrets: bool, config: Path | None, as_json: bool) -> None:
    """Print the site in force as site.toml, always in the same order: made for git."""
    text = edit(config, "export", secrets=not no_secrets)["text"]
    if output is not None:
        _write(output, text)
        return
    emit({"site": text}, as_json, lambda one: click.echo(one["site"], nl=False))
