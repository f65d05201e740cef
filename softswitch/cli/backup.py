"""Commands that keep an installation and bring it back: backup, restore."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import configuration, configuration_file
from softswitch.cli.output import Failure, config_option, emit, json_option


@click.command()
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="The file.  [default: softswitch-DATE.tar.gz here]"
)
@click.option("--recordings", is_flag=True, help="With the recordings of calls, which may be large.")
@config_option
@json_option
def backup(output: Path | None, recordings: bool, config: Path | None, as_json: bool) -> None:
    """Write the whole installation into one file, while it runs: settings, site, records, prompts, voicemail.

    It holds everything that the switch keeps secret: keep it as private as the installation itself.
    """
    from softswitch.backup import SUFFIX, BackupError, create

    file = configuration_file(config)
    output = output or Path(f"softswitch-{datetime.now():%Y-%m-%d-%H%M%S}{SUFFIX}")
    try:
        made = create(configuration(config), file.parent.resolve(), output.resolve(), recordings=recordings)
    except BackupError as error:
        raise Failure(str(error), error.hint) from None
    emit(asdict(made) | {"file": str(made.file), "stored": made.file.stat().st_size}, as_json, _show)


def _show(made: dict[str, Any]) -> None:
    click.echo(
        f"{made['file']}: {made['files']} files, {made['octets'] / 1e6:.1f} MB, stored in {made['stored'] / 1e6:.1f} MB."
    )
    for one in made["left_out"]:
        click.echo(f"Not in it: {one}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
def restore(file: Path, directory: Path, as_json: bool) -> None:
    """Put the backup FILE into DIRECTORY, which must be new or empty."""
    from softswitch.backup import BackupError
    from softswitch.backup import restore as bring_back

    try:
        files = bring_back(file, directory)
    except BackupError as error:
        raise Failure(str(error), error.hint) from None
    emit({"directory": str(directory), "files": files}, as_json, _show_restored)


def _show_restored(done: dict[str, Any]) -> None:
    click.echo(f"{done['files']} files are in {done['directory']}/.")
    click.echo(f"Look at it:  softswitch check --config {done['directory']}")
    click.echo(f"Start it:    softswitch serve --config {done['directory']}")
