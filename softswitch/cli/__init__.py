"""The command line: `softswitch ...`."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `softswitch` command."""
