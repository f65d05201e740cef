"""Campaigns: lists of customers who are called for a queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import FAILED, config_option, emit, json_option, table
from softswitch.cli.recording import moment

PORTION = 1_000  # rows that are sent at once
STATUSES = ("waiting", "shown", "calling", "reached", "not_reached", "denied", "skipped", "cancelled")


@click.group()
def campaign() -> None:
    """Lists of customers who are called for a queue (docs/campaigns.md)."""


@campaign.command("list")
@config_option
@json_option
def show_all(config: Path | None, as_json: bool) -> None:
    """Show the campaigns, and what has become of their contacts."""
    with attached(config) as switch:
        rows = switch.call("campaigns")
    emit(rows, as_json, _show_all)


def _state(one: dict[str, Any]) -> str:
    return one["held"] or ("off" if not one["enabled"] else "paused" if one["paused"] else "on")


def _show_all(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["campaign", "queue", "mode", "state", ">contacts", ">waiting", ">calling", ">reached", ">not reached", ">denied",
             ">abandoned"],
        [
            [
                one["campaign"], one["queue"], one["mode"], _state(one), one["contacts"],
                one["statuses"]["waiting"], one["statuses"]["calling"], one["statuses"]["reached"],
                one["statuses"]["not_reached"], one["statuses"]["denied"], f"{one['abandoned_share']} %",
            ]
            for one in rows
        ],
        empty="The site has no campaign.",
    )  # fmt: skip


@campaign.command("report")
@click.argument("name")
@config_option
@json_option
def report(name: str, config: Path | None, as_json: bool) -> None:
    """Show what has become of the contacts of one campaign."""
    with attached(config) as switch:
        found = switch.call("campaign", campaign=name)
    emit(found, as_json, _show_report)


def _show_report(one: dict[str, Any]) -> None:
    total = max(1, one["contacts"])
    table(
        "", ["status", ">contacts", ">share"],
        [[status, count, f"{100 * count / total:.1f} %"] for status, count in one["statuses"].items()],
    )  # fmt: skip
    for disposition, count in one["dispositions"].items():
        click.echo(f"{disposition}: {count}")
    click.echo(f"{one['contacts']} contacts, {one['attempts']} calls; answered today: {one['answered_today']}, of which "
               f"{one['abandoned_today']} met nobody.")  # fmt: skip
    if one["held"]:
        click.echo(f"Nobody is called any more today: {one['held']}.")


@campaign.command("contacts")
@click.argument("name")
@click.option("--status", default="", type=click.Choice(["", *STATUSES]), help="Only these.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 5_000), help="At most so many.")
@config_option
@json_option
def contacts(name: str, status: str, limit: int, config: Path | None, as_json: bool) -> None:
    """Show contacts in the order of the list."""
    with attached(config) as switch:
        rows = switch.call("campaign_contacts", campaign=name, status=status, limit=limit)
    emit(rows, as_json, _show_contacts)


def _show_contacts(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["contact", "number", "name", "status", ">calls", "last", "outcome", "agent", "note"],
        [
            [
                one["id"], one["number"], one["name"], one["status"], one["attempts"],
                moment(one["last"]) if one["last"] else "", one["outcome"], one["agent"], one["note"],
            ]
            for one in rows
        ],
        empty="There is nobody.",
    )  # fmt: skip


@campaign.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only look whether the file is right.")
@config_option
@json_option
def import_(name: str, file: Path, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Put customers of a CSV file on the list. Who stands on it already stays as they are.

    Columns: number, name, timezone (such as Europe/London; else that of the number), or telefon, nazwa, strefa; agents see all
    others. If a row is wrong nothing is changed.
    """
    from softswitch.campaign_file import read
    from softswitch.codepages import decoded

    listed = read(decoded(file.read_bytes()))
    rows, lines = [row for _, row in listed.rows], [line for line, _ in listed.rows]
    if listed.problems:
        rows = []
    total: dict[str, Any] = {"new": 0, "known": 0, "denied": 0, "problems": listed.problems, "changed": False}
    with attached(config) as switch:
        for only_look in (True, False):
            if not only_look and (dry_run or total["problems"]):
                break
            total = {"new": 0, "known": 0, "denied": 0, "problems": total["problems"], "changed": not only_look}
            for start in range(0, len(rows), PORTION):
                part = rows[start : start + PORTION]
                found = switch.call("campaign_import", campaign=name, rows=part, dry_run=only_look)
                for key in ("new", "known", "denied"):
                    total[key] += found[key]
                total["problems"] += [_in_line(problem, lines[start:]) for problem in found["problems"]]
    emit(total, as_json, _show_import)
    if total["problems"]:
        raise SystemExit(FAILED)


def _in_line(problem: str, lines: list[int]) -> str:
    """A problem of a portion, with the line of the file."""
    word, _, rest = problem.partition(" ")
    number, colon, said = rest.partition(":")
    return f"line {lines[int(number) - 1]}:{said}" if word == "row" and colon and number.isdigit() else problem


def _show_import(found: dict[str, Any]) -> None:
    for problem in found["problems"]:
        click.echo(problem)
    verb = "are on the list now" if found["changed"] else "would be new"
    click.echo(f"{found['new']} {verb}, {found['known']} were known, {found['denied']} may not be called.")
    if found["problems"]:
        click.echo("Nothing was changed.")


@campaign.command("clear")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def clear(name: str, yes: bool, config: Path | None) -> None:
    """Forget the list; nobody on it is called any more."""
    if not yes:
        click.confirm(f"Forget every contact of {name}?", abort=True)
    with attached(config) as switch:
        found = switch.call("campaign_clear", campaign=name)
    click.echo(f"{found['removed']} contacts are forgotten.")


def _order(name: str, order: str, config: Path | None, as_json: bool) -> None:
    with attached(config) as switch:
        found = switch.call("campaign_switch", campaign=name, order=order)
    emit(found, as_json, lambda one: _show_all([one]))


@campaign.command("start")
@click.argument("name")
@config_option
@json_option
def start(name: str, config: Path | None, as_json: bool) -> None:
    """Let a campaign call, or call again after a pause."""
    _order(name, "start", config, as_json)


@campaign.command("pause")
@click.argument("name")
@config_option
@json_option
def pause(name: str, config: Path | None, as_json: bool) -> None:
    """Let a campaign call nobody until it is started again. Calls that go on go on."""
    _order(name, "pause", config, as_json)


@campaign.command("stop")
@click.argument("name")
@config_option
@json_option
def stop(name: str, config: Path | None, as_json: bool) -> None:
    """Switch a campaign off: enabled = false in the site. Calls that go on go on."""
    _order(name, "stop", config, as_json)
