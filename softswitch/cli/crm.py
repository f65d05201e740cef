"""CRMs that are told what happens by a matrix, and what that would send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli import receivers
from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option
from softswitch.directory.hooks import ROWS


@click.group()
def crm() -> None:
    """CRMs that are told what happens to calls, by a matrix of the site (docs/crm.md)."""


receivers.add_commands(crm, "crm", "CRM")


@crm.command("try")
@click.argument("name")
@click.argument("row", type=click.Choice(ROWS))
@click.option("--queue", default="", help="Of a call in this queue.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="What a name in braces says; several times.")
@config_option
@json_option
def try_(name: str, row: str, queue: str, given: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Show the requests for a made-up event, in order. Nothing is sent."""
    values = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter("NAME=VALUE, such as number=+48600100200", param_hint="--set")
        values[key] = value
    with attached(config) as switch:
        found = switch.call("crm_dry_run", name=name, row=row, queue=queue, values=values)
    emit(found, as_json, _show)


def _show(found: dict[str, Any]) -> None:
    if not found["requests"]:
        click.echo(f"{found['crm']} is told nothing of that.")
    for one in found["requests"]:
        if one["left_out"]:
            said = f"says {one['why']['value']!r}" if one["why"]["value"] else "says nothing"
            click.echo(f"{one['action']}: left out, {one['why']['name']} {said}")
            continue
        click.echo(f"{one['action']}: {one['method']} {one['url']}")
        for name, value in one["headers"]:
            click.echo(f"    {name}: {value}")
        if one["body"] is not None:
            click.echo(f"    {json.dumps(one['body'], ensure_ascii=False)}")
