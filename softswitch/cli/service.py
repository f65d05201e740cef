"""softswitch systemd-unit: the service as systemd is to run it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import rich_click as click

from softswitch.cli.context import configuration, configuration_file
from softswitch.cli.output import Failure, config_option, emit, json_option

PLACE: Final = Path("/etc/systemd/system")


@click.command()
@click.option("--user", default="softswitch", show_default=True, help="Whom it runs as.")
@click.option("--install", is_flag=True, help="Write it to /etc/systemd/system/NAME.service in place of showing it.")
@click.option("--name", default="softswitch", show_default=True, help="With --install: of the service.")
@config_option
@json_option
def systemd_unit(user: str, install: bool, name: str, config: Path | None, as_json: bool) -> None:
    """Show the systemd unit for this installation: restarts, watchdog, draining, and nothing permitted that is not needed."""
    from softswitch.unit_file import unit_file

    file = configuration_file(config)
    text = unit_file(configuration(config), file.parent.resolve(), _program(), user)
    if not install:
        emit({"unit": text}, as_json, lambda one: click.echo(one["unit"], nl=False))
        return
    if not name.replace("-", "").replace("_", "").replace("@", "").isalnum():
        raise Failure(f"{name!r} is no name for a service.", "Letters, digits, - and _.")
    target = PLACE / f"{name}.service"
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(
            f"{target} cannot be written: {error.strerror}.", "Run the command as root, or without --install."
        ) from None
    emit({"unit": text, "file": str(target)}, as_json, _show_installed)


def _show_installed(made: dict[str, Any]) -> None:
    name = Path(made["file"]).name
    click.echo(f"{made['file']} is written. Then:  systemctl daemon-reload && systemctl enable --now {name}")


def _program() -> Path:
    """The command that was called: systemd wants it with its whole path."""
    found = Path(sys.argv[0]) if os.access(sys.argv[0], os.X_OK) else Path(shutil.which("softswitch") or sys.argv[0])
    beside = Path(sys.executable).with_name("softswitch")
    return (beside if found.suffix == ".py" and beside.exists() else found).absolute()
