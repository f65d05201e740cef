"""What commands print: JSON for programs, tables for people, and errors that say what to do next."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import rich_click as click

from media.control import RELAYS

FAILED, USAGE, NOT_RUNNING, UNKNOWN, WRONG_CONFIG = 1, 2, 3, 4, 5


class Failure(click.ClickException):
    """An error with its remedy."""

    def __init__(self, message: str, hint: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance too

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, file=file, err=file is None)
        if self.hint:
            click.echo(click.style("  -> ", fg="cyan") + self.hint, file=file, err=file is None)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-c", "--config", "config", type=click.Path(path_type=Path), envvar="SOFTSWITCH_CONFIG",
        help="The switch's softswitch.toml, or its directory.  [default: looked for here, in ./site and /etc/softswitch]",
    )(command)  # fmt: skip


def relay_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--relay",
        type=click.Choice(RELAYS),
        help="How media packets are moved.  [default: the setting media.relay: auto]",
    )(command)


def emit(value: Any, as_json: bool, render: Callable[[Any], None]) -> None:
    """Print `value` as JSON or let `render` show it to a person."""
    if as_json:
        click.echo(json.dumps(value, indent=2, default=str))
    else:
        render(value)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "") -> None:
    """A table for people; `empty` is said instead when there are no rows. Columns named `>x` are aligned right."""
    from rich.console import Console
    from rich.table import Table

    rows = list(rows)
    if not rows and empty:
        click.echo(empty)
        return
    result = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        result.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left")
    for row in rows:
        result.add_row(*(text(cell) for cell in row))
    # Piped output must not be cut at 80 columns.
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "200"))
    Console(width=width, highlight=False).print(result)


def text(cell: Any) -> str:
    from rich.markup import escape

    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.1f}"
    return escape(str(cell))


def seconds(value: float | None) -> str:
    """A duration as people read it: `4.2 s`, `3:07`, `1:02:09`, `3 d 4 h`."""
    if value is None:
        return "-"
    if value < 60:
        return f"{value:.1f} s"
    whole = int(value)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 86_400:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def show_changes(result: dict[str, Any]) -> None:
    """What a change of the site does, or would do; and to whom."""
    colours = {"+": "green", "-": "red", "~": "yellow", "!": "magenta"}
    for line in result["changes"]:
        click.secho(line, fg=colours.get(line[:1]))
    for one in result.get("affected", ()):
        click.secho(one["text"], fg="magenta")
    for line in result.get("replay", ()):
        click.secho(line, fg="cyan")
    if offers := result.get("replayed_offers"):
        click.echo(f"? That is the record of {offers} offers, played again under it, with 95 % confidence.")
    elif "replay" in result:
        click.echo("? No call to a queue was recorded in that time: nothing to play again under it.")
    if not result["changes"]:
        click.echo("No change.")
    elif result["dry_run"]:
        click.echo("Nothing was changed (dry run).")
    else:
        click.echo(f"Site version {result['version']} is in force.")
