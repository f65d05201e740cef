"""What an operation on the site gives back, and how it refuses. See `editing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softswitch.directory import Directory
from softswitch.errors import SoftswitchError


class EditError(SoftswitchError):
    """The change cannot be made; `hint` says what to do. `kind`: "failed" | "unknown"."""

    def __init__(self, message: str, hint: str = "", *, kind: str = "failed") -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind


@dataclass(slots=True)
class Edit:
    """What an operation wants: a new site, and its answer. `tried`: the site that a dry run would put in force."""

    result: dict[str, Any]
    site: Directory | None = None
    comment: str = ""
    tried: Directory | None = None


def existing(site: Directory | None) -> Directory:
    if site is None:
        raise EditError("There is no site in the database yet.", "Give it one: softswitch apply site.toml")
    return site


def same_version(site: Directory, version: int) -> None:
    """Raises EditError unless that version is in force: nobody writes over what they have not seen."""
    if version != site.version:
        raise EditError(
            f"The site was changed meanwhile: version {version} was looked at, {site.version} is in force.",
            "Look at it again, then change it.",
        )
