"""Commands that change the stored site: account, apply, export. With or without a running switch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from softswitch.cli.attach import Attached, running
from softswitch.cli.context import configuration
from softswitch.cli.forecast import forecast, hours_option
from softswitch.cli.output import UNKNOWN, WRONG_CONFIG, Failure, config_option, emit, json_option, show_changes, table
from softswitch.errors import ConfigError, SoftswitchError

if TYPE_CHECKING:
    from softswitch.config import Config

CHANGES_SHOWN: Final = 2  # of a version in a list


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
    made = edit(config, "account_add", user=user, name=name, password=given_password(password_stdin))
    emit(made, as_json, lambda one: _show_password(one, given=password_stdin))


@account.command("passwd")
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@config_option
@json_option
def account_passwd(user: str, password_stdin: bool, config: Path | None, as_json: bool) -> None:
    """Give an account a new password; it is shown once."""
    made = edit(config, "account_passwd", user=user, password=given_password(password_stdin))
    emit(made, as_json, lambda one: _show_password(one, given=password_stdin))


@account.command("remove")
@click.argument("user")
@config_option
@json_option
def account_remove(user: str, config: Path | None, as_json: bool) -> None:
    """Remove an account."""
    gone = edit(config, "account_remove", user=user)
    emit(gone, as_json, lambda one: click.echo(f"{one['user']} is removed."))


def given_password(from_stdin: bool) -> str:
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
@click.option("--dry-run", is_flag=True, help="Only show what would change, and which calls and agents it touches.")
@hours_option
@config_option
@json_option
def apply(file: Path, dry_run: bool, hours: float, config: Path | None, as_json: bool) -> None:
    """Put the site in FILE (site.toml; - for standard input) in force, all of it or nothing.

    Accounts without a password keep theirs. Waiting callers and calls are not disturbed.
    """
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise Failure(
            f"There is no file {file}.", "The site in force as a file: softswitch export > site.toml"
        ) from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.", "Name a site.toml.") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Failure(
            f"{file}: line {line} is not UTF-8 (octet 0x{data[error.start]:02x}).",
            f"Save it as UTF-8, for example: iconv -f ISO-8859-2 -t UTF-8 {file}. Nothing was changed.",
            WRONG_CONFIG,
        ) from None
    result = edit(config, "apply", text=text, file=str(file), dry_run=dry_run)
    emit(forecast(result, config, hours), as_json, show_changes)


@click.command()
@click.option("--limit", default=20, show_default=True, help="How many versions.")
@config_option
@json_option
def history(limit: int, config: Path | None, as_json: bool) -> None:
    """Show the versions of the site: who changed it when, and what."""
    emit(edit(config, "history", limit=limit), as_json, lambda one: _show_versions(one["versions"]))


def _show_versions(versions: list[dict[str, Any]]) -> None:
    table(
        "", [">version", "when", "by", "what"],
        [[one["version"], _when(one["at"]), one["actor"], one["comment"] or _brief(one["changes"])] for one in versions],
        empty="The site was never changed.",
    )  # fmt: skip


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def _brief(changes: Sequence[str]) -> str:
    more = f" and {len(changes) - CHANGES_SHOWN} more" if len(changes) > CHANGES_SHOWN else ""
    return "; ".join(changes[:CHANGES_SHOWN]) + more


@click.command()
@click.argument("version", type=int, default=0)
@click.option("--dry-run", is_flag=True, help="Only show what would change, and which calls and agents it touches.")
@hours_option
@config_option
@json_option
def rollback(version: int, dry_run: bool, hours: float, config: Path | None, as_json: bool) -> None:
    """Put a former VERSION of the site in force again (`softswitch history`); without one, undo the last change.

    It becomes a new version, so that a rollback can be undone the same way. Waiting callers and calls are not disturbed.
    """
    result = edit(config, "rollback", version=version, dry_run=dry_run)
    emit(forecast(result, config, hours), as_json, show_changes)


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
