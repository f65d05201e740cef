"""From `--config` to the switch's configuration, its control socket, and its database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softswitch.cli.attach import Attached
from softswitch.cli.output import WRONG_CONFIG, Failure
from softswitch.errors import ConfigError

if TYPE_CHECKING:
    from softswitch.config import Config


def configuration(given: Path | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """The effective configuration; `overrides` ("media.relay": ...) are from the command line.

    Raises Failure that names file, key, value and what was expected.
    """
    from softswitch.config import load_config

    file = configuration_file(given)
    try:
        return load_config(file, overrides=overrides)
    except ConfigError as error:
        raise Failure(str(error), "Correct the file; `softswitch check` looks at all of it.", WRONG_CONFIG) from None


def configuration_file(given: Path | None) -> Path:
    """The softswitch.toml that holds. Raises Failure if there is none."""
    from softswitch.config import FILE_NAME, find_config

    file = given or find_config()
    if file is not None and file.is_dir():
        file = file / FILE_NAME
    if file is None and (Path("site") / FILE_NAME).is_file():
        file = Path("site") / FILE_NAME  # where `softswitch demo` puts it
    if file is None:
        raise Failure(
            "There is no softswitch.toml here.",
            "Make one with: softswitch init. Or name one: --config PATH, or SOFTSWITCH_CONFIG=PATH.",
            WRONG_CONFIG,
        )
    if not file.is_file():
        raise Failure(f"There is no file {file}.", "Make a site with: softswitch init [DIR].", WRONG_CONFIG)
    return file


def attach(given: Path | None) -> Attached:
    """A connection to the running switch."""
    return Attached(configuration(given).paths.socket)
