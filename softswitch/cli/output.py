"""What commands print: JSON for programs, tables for people, and errors that say what to do next."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Final

import rich_click as click

from media.names import RELAYS

FAILED, USAGE, NOT_RUNNING, UNKNOWN, WRONG_CONFIG = 1, 2, 3, 4, 5


class Failure(click.ClickException):
    """An error with its remedy."""

    def __init__(self, message: str, hint: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance too

    def show(self, file: IO[Any] | None = None) -> None:
        coloured = plain()
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, file, err=file is None, color=coloured)
        if self.hint:
            click.echo(click.style("  -> ", fg="cyan") + self.hint, file, err=file is None, color=coloured)


def plain() -> bool | None:
    """False if nothing is to be coloured (NO_COLOR, see no-color.org); None: that depends on where it goes."""
    return False if os.environ.get("NO_COLOR") else None


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
    """A table for people; `empty` is said instead when there are no rows. Columns named `>x` are aligned right.

    Nothing is ever cut: what is too wide for the terminal is wrapped between words, and if that does not do, the table goes
    on below, its first column repeated. A pipe has as much room as it takes, or COLUMNS says how much.
    """
    from rich.console import Console

    rows = [[text(cell) for cell in row] for row in rows]
    if not rows and empty:
        click.echo(empty)
        return
    console = Console(highlight=False)
    room = console.width if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or 0)
    cells = [[name.lstrip(">"), *(row[place] for row in rows)] for place, name in enumerate(columns)]
    natural = [max(cell_len(one) for one in column) for column in cells]
    for number, chosen in enumerate(_parts(cells, natural, room)):
        _print_part(title if number == 0 else "", [columns[place] for place in chosen],
                    [[row[place] for place in chosen] for row in rows],
                    _widths([cells[place] for place in chosen], [natural[place] for place in chosen], room))  # fmt: skip


BORDER: Final = 3  # characters that a column takes besides its own; the table takes one more
FOLDED: Final = 8  # a column whose words have to be folded is no narrower


def _parts(cells: Sequence[Sequence[str]], natural: Sequence[int], room: int) -> list[list[int]]:
    """Which columns stand side by side: all of them where there is room, else the first one begins each part."""
    least = [_least(column) for column in cells]
    if not room or 1 + sum(least) + BORDER * len(least) <= room:
        return [list(range(len(cells)))]
    parts = [[0]]
    for place in range(1, len(cells)):
        if len(parts[-1]) > 1 and 1 + sum(natural[one] + BORDER for one in [*parts[-1], place]) > room:
            parts.append([0])
        parts[-1].append(place)
    return parts


def _least(column: Sequence[str]) -> int:
    """The width of the longest word: no word is ever broken where it can be helped."""
    return max(cell_len(word) for cell in column for word in cell.split() or [""])


def _widths(cells: Sequence[Sequence[str]], natural: Sequence[int], room: int) -> list[int]:
    """How wide each column is: as wide as it wants to be, else the widest give way first, their words last."""
    widths, least = list(natural), [_least(column) for column in cells]
    places = range(len(widths))
    while room and 1 + sum(widths) + BORDER * len(widths) > room:
        give = [one for one in places if widths[one] > least[one]] or [one for one in places if widths[one] > FOLDED]
        if not give:
            break
        widths[max(give, key=lambda one: widths[one])] -= 1
    return widths


def _print_part(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    result = Table(title=title or None, title_justify="left", header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        result.add_column(
            column.lstrip(">"), justify="right" if column.startswith(">") else "left", width=width, overflow="fold"
        )
    for row in rows:
        result.add_row(*(escape(cell) for cell in row))
    Console(width=1 + sum(widths) + BORDER * len(widths), highlight=False).print(result)


def cell_len(text: str) -> int:
    """Columns of the terminal that a text takes."""
    from rich.cells import cell_len as measured

    return max((measured(line) for line in text.split("\n")), default=0)


def text(cell: Any) -> str:
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.1f}"
    return str(cell)


def many(count: int, one: str, more: str = "") -> str:
    """`1 call`, `2 calls`; `more` where that is no plural in -s."""
    return f"{count} {one if count == 1 else more or one + 's'}"


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
