"""CRMs that are told what happens by a matrix."""

from __future__ import annotations

import rich_click as click

from softswitch.cli import receivers


@click.group()
def crm() -> None:
    """CRMs that are told what happens to calls, by a matrix of the site (docs/crm.md)."""


receivers.add_commands(crm, "crm", "CRM")
