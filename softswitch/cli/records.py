"""Call records, the audit, and forgetting a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import rich_click as click
from click.core import ParameterSource

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table
from softswitch.cli.recording import moment
from softswitch.links import LONGEST

ERASING: Final = 3_600.0  # seconds: the whole journal is read
PAGE: Final = 1_000
COLUMNS: Final = (
    "call", "seq", "started_at", "ended_at", "caller", "caller_name", "dialled", "account", "trunk", "queue", "agent",
    "outcome", "status", "cause", "setup_seconds", "talk_seconds", "total_seconds", "path", "customer", "recorded",
)  # fmt: skip


def day(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise click.BadParameter('a day or a moment such as "2026-11-22" or "2026-11-22 14:30".') from None


@click.command()
@click.option("--number", default="", help="Only of this caller, or to this number.")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--agent", default="", help="Only of this agent.")
@click.option("--outcome", default="", help="Only those that ended so: answered, busy, no_answer, ...")
@click.option("--recorded/--not-recorded", default=None, help="Only with a recording, or without one.")
@click.option("--since", callback=day, default=None, help="Only those that began then or later.")
@click.option("--until", callback=day, default=None, help="Only those that began before.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, all of them unless --limit is given.")
@click.option(
    "--links",
    default=0.0,
    type=click.FloatRange(0, LONGEST),
    metavar="HOURS",
    help="CSV with links to recordings that are good for so long without a login.",
)
@config_option
@json_option
@click.pass_context
def records(
    context: click.Context, number: str, queue: str, agent: str, outcome: str, recorded: bool | None, since: float | None,
    until: float | None, limit: int, as_csv: bool, links: float, config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show calls that are over, the newest first."""
    given = {
        "number": number, "queue": queue, "agent": agent, "outcome": outcome, "recorded": recorded, "since": since,
        "until": until,
    }  # fmt: skip
    which = {name: value for name, value in given.items() if value not in ("", None)}
    everything = as_csv and context.get_parameter_source("limit") is ParameterSource.DEFAULT
    with attached(config) as switch:
        pages = _pages(switch, which, None if everything else limit)
        if as_csv:
            _print_csv(switch, pages, links)
            return
        rows = [row for page in pages for row in page]
    emit(rows, as_json, _show)


def _pages(switch: Any, which: dict[str, Any], limit: int | None) -> Iterator[list[dict[str, Any]]]:
    before = 0
    while limit is None or limit > 0:
        page = switch.call("call_records", limit=PAGE if limit is None else min(PAGE, limit), before=before, **which)
        yield page["calls"]
        if page["next"] is None:
            return
        before = page["next"]
        limit = None if limit is None else limit - len(page["calls"])


def _print_csv(switch: Any, pages: Iterator[list[dict[str, Any]]], links: float) -> None:
    from softswitch.exporting import csv_lines

    columns = (*COLUMNS, *(("recording_urls",) if links else ()))
    sys.stdout.write(csv_lines(columns, ()))
    count = 0
    for page in pages:
        count += len(page)
        calls = [one["call"] for one in page if links and one["recorded"]]
        urls = switch.call("share_calls", calls=calls, hours=links, by="cli") if calls else {}
        rows = [{**one, "recording_urls": " ".join(urls.get(one["call"], ()))} for one in page]
        sys.stdout.write(csv_lines(columns, rows, head=False))
    switch.call("exported", what="calls", form="csv", rows=count, links=links)


def _show(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["call", "began", "from", "to", "queue", "agent", "ended as", ">talk", "recorded"],
        [
            [
                one["call"], moment(one["started_at"]), one["caller"], one["dialled"], one["queue"], one["agent"],
                one["outcome"] or "goes on", seconds(one["talk_seconds"]), "yes" if one["recorded"] else "",
            ]
            for one in rows
        ],
        empty="There is no such call.",
    )  # fmt: skip


@click.command()
@click.option("--actor", default="", help="Only what this one did: a user, token:NAME, cli, account:NAME, link:NAME.")
@click.option("--action", default="", help="Only what begins so: recording., session., supervision., hang_up, ...")
@click.option("--subject", default="", help="Only what was done to this call, recording, agent, queue.")
@click.option("--since", callback=day, default=None, help="Only from then on.")
@click.option("--until", callback=day, default=None, help="Only before.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000), help="At most so many.")
@config_option
@json_option
def audit(
    actor: str, action: str, subject: str, since: float | None, until: float | None, limit: int, config: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show who did what and when: orders, logins, changes of the site, who listened to what; the newest first."""
    times = {name: value for name, value in (("since", since), ("until", until)) if value is not None}
    with attached(config) as switch:
        found = switch.call("audit", actor=actor, action=action, subject=subject, limit=limit, **times)
    emit(found["audit"], as_json, _show_audit)


def _show_audit(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["at", "who", "did", "to", "detail", "from", "refused because"],
        [
            [
                moment(one["at"]), one["actor"], one["action"], one["subject"], one["detail"], one["source"], one["error"],
            ]
            for one in rows
        ],
        empty="Nobody did anything of the kind.",
    )  # fmt: skip


@click.command()
@click.argument("number")
@click.confirmation_option(
    prompt="Delete the recordings and messages of this number, and make it unrecognisable in all records, for good?"
)
@config_option
@json_option
def erase(number: str, config: Path | None, as_json: bool) -> None:
    """Forget a person: whoever has this telephone number.

    Recordings and messages are deleted; in records, journal, audit and customers' cards a pseudonym stands in the place of
    number and name, so that all figures stay as they are. Recordings that are held (`softswitch recording mark --hold`) stay.
    """
    with attached(config) as switch:
        found = switch.patient(ERASING).call("erase", number=number, by="cli")
    emit(found, as_json, _show_erased)


def _show_erased(found: dict[str, Any]) -> None:
    click.echo(
        f"{found['calls']} calls, {found['recordings']} recordings, {found['messages']} messages, {found['customers']} "
        f"customers: in the place of the number stands {found['pseudonym']}."
    )
    if found["held"]:
        click.echo(f"{found['held']} recordings are held, and were kept.")
    click.echo("Backups, logs and files that were exported before still have it.")
