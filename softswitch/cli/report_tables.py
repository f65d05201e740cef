"""`softswitch report queues`, `intervals` ...: the reports as tables and files; the queue_log; the rows behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from softswitch.cli.context import attach, configuration
from softswitch.cli.output import UNKNOWN, USAGE, Failure, config_option, emit, json_option, many, table
from softswitch.cli.times import MOMENT

if TYPE_CHECKING:
    from softswitch.directory import Directory
    from softswitch.store.ledger import Ledger

# Report -> what its command says of it. (The reports themselves are not imported for `--help`.)
HELP: Final = {
    "queues": "Queues: offered, answered, abandoned, service level, waits, handle time.",
    "intervals": "The same by intervals of 15, 30 or 60 minutes, day, week or month.",
    "heatmap": "By weekday and hour: means over the weekdays of the time.",
    "missed": "Numbers that gave up, and whether they were called back; what agents let ring.",
    "agents": "Agents: calls, talk, wrap-up, pauses by reason, offers, occupancy.",
    "gaming": "Evidence of tricks: long rings, calls cut off, pauses at the peak, calls to oneself.",
    "timeline": "What agents did when.",
    "transfers": "Transfers: blind and attended, what they cost, what came back.",
    "repeats": "Who calls again within a day or a week, and what was settled at once.",
    "load": "Calls at once, erlangs, the busy hour, trunks.",
}
RANGES: Final = ("today", "yesterday", "week", "last_week", "month", "last_month", "year")
INTERVALS: Final = ("15", "30", "60", "day", "week", "month")
# What a screen has room for; all of it with --all, and in files.
BRIEF: Final = {
    "queues": (
        "queue", "entered", "answered", "abandoned_short", "abandoned", "other", "sl", "answer_rate", "asa", "p90_wait",
        "longest_wait", "aht",
    ),
    "intervals": ("from", "entered", "answered", "abandoned", "sl", "asa", "longest_wait", "aht", "erlangs"),
    "agents": (
        "agent", "calls_in", "calls_out", "talk", "wrap", "idle", "not_ready", "logged_in", "rings_no_answer", "rings_rejected",
        "aht", "occupancy", "utilisation", "reasons",
    ),
}  # fmt: skip
SENDING: Final = 600.0  # seconds: what the journal has new is counted before
NOTED: Final = ("callers", "agents", "trunks")  # further lists


def add_to(group: click.Group) -> None:
    """The commands of all reports."""
    for name, text in HELP.items():
        group.add_command(_command(name, text))
    for command in (queue_log, send, rebuild):
        group.add_command(command)


def _command(name: str, text: str) -> click.Command:
    @click.option("--range", "range_", type=click.Choice(RANGES), help="Which time.  [default: today]")
    @click.option("--since", default="", help="From a day such as 2026-11-01, or a moment such as 2026-11-01T09:00.")
    @click.option("--until", default="", help="To a day, which is included, or a moment.")
    @click.option("--queue", "queues", multiple=True, help="Only of this queue. May be repeated.")
    @click.option("--agent", "agents", multiple=True, help="Only of this agent. May be repeated.")
    @click.option(
        "--interval", type=click.Choice(INTERVALS), default="60", show_default=True, help="Minutes, or a word."
    )
    @click.option(
        "--view", type=click.Choice(["cohort", "event"]), default="cohort", show_default=True,
        help="Where a call counts: all of it when the caller came (cohort), or each part when it happened (event).",
    )  # fmt: skip
    @click.option("--timezone", default="", help="Of days and hours.  [default: the site's]")
    @click.option(
        "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it: a .csv, .xlsx or .json file."
    )
    @click.option("--language", type=click.Choice(["en", "pl"]), default="en", show_default=True, help="Of the heads.")
    @click.option(
        "--separator",
        type=click.Choice(["comma", "semicolon"]),
        help="Of CSV; semicolon: with decimal commas.  [default: by language]",
    )
    @click.option(
        "--service-level", "level", type=click.IntRange(0, 3_600), help="Seconds, in place of each queue's own."
    )
    @click.option("--all", "everything", is_flag=True, help="Show every column.")
    @config_option
    @json_option
    def command(
        output: Path | None, language: str, separator: str | None, everything: bool, config: Path | None, as_json: bool,
        **wanted: Any,
    ) -> None:  # fmt: skip
        found = report_of(config, name, **wanted)
        if output is not None:
            _write(found, output, language, separator or "")
        emit(found, as_json, lambda report: _show(report, language, () if everything else BRIEF.get(name, ())))

    command.__doc__ = text
    return click.command(name, help=text)(command)


def _opened(config: Path | None) -> tuple[Directory, Ledger]:
    """The site in force, and the rows, which follow the journal."""
    import asyncio

    from softswitch.numbers import normalise
    from softswitch.reports.asking import limits_of
    from softswitch.store.ledger import Ledger
    from softswitch.store.past import Past

    path = configuration(config).paths.database

    async def site() -> Directory | None:
        past = await Past.open(path)
        try:
            return await past.site(time.time())
        finally:
            await past.close()

    if not path.is_file():
        raise Failure(f"There is no database {path}.", "Begin with: softswitch init")
    found = asyncio.run(site())
    if found is None:
        raise Failure("The database holds no site.", "Give it one: softswitch apply site.toml")
    ledger = Ledger(
        path, limits=lambda queue: limits_of(found, queue), same=lambda number: normalise(number, found.country)
    )
    return found, ledger


def report_of(config: Path | None, name: str, **wanted: Any) -> dict[str, Any]:
    """A report from the database, whether or not the switch runs. Raises Failure."""
    from softswitch.errors import StoreError
    from softswitch.reports.asking import answer
    from softswitch.reports.range import RangeError

    site, ledger = _opened(config)
    for noun, known in (("queue", site.queues), ("agent", site.agents)):
        for one in wanted[f"{noun}s"]:
            if one not in known:
                raise Failure(f"There is no {noun} {one!r}.", f"There are: {', '.join(known) or 'none'}.", UNKNOWN)
    try:
        ledger.catch_up()
        return answer(
            name, ledger, site, time.time(), range=wanted["range_"] or "", since=wanted["since"], until=wanted["until"],
            interval=wanted["interval"], view=wanted["view"], timezone=wanted["timezone"],
            queues=wanted["queues"] or None, agents=wanted["agents"] or None, level=wanted["level"],
        )  # fmt: skip
    except RangeError as error:
        raise Failure(f"{error}.", f"See: softswitch report {name} --help", USAGE) from None
    except StoreError as error:
        raise Failure(str(error), error.hint) from None
    finally:
        ledger.close()


def _write(report: Mapping[str, Any], output: Path, language: str, separator: str) -> None:
    from softswitch.reports.export import FORMATS, written

    form = output.suffix.lstrip(".")
    if form not in FORMATS:
        raise Failure(f"{output} cannot be written.", "Give it the ending .csv, .xlsx or .json.", USAGE)
    try:
        output.write_bytes(written(report, form, language, separator))
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}.", "Name another place.") from None
    click.echo(f"Written: {output}", err=True)


# --- for people ------------------------------------------------------------------------------------------------------


def _show(report: Mapping[str, Any], language: str, brief: Sequence[str] = ()) -> None:
    span = report["range"]
    title = report["titles"][language]
    click.echo(f"{title}, {_moment(span['from'])} to {_moment(span['to'])} ({span['timezone']})")
    if report.get("view") == "event":
        click.echo("By the time of each event: a call may be offered in one interval and answered in the next.")
    rows = [*report["rows"]]
    if (total := report.get("total")) and any(one["name"] in total for one in report["columns"]):
        first = report["columns"][0]["name"]
        rows.append({first: "all", **total})
    columns = [one for one in report["columns"] if not brief or one["name"] in brief]
    _list(columns, _worth(report["report"], rows), language)
    for name in NOTED:
        if more := report.get(name):
            columns = report.get(f"{name[:-1]}_columns") or [
                {"name": one, "titles": {}, "unit": "number" if one == "erlangs" else "text"} for one in more[0]
            ]
            _list(columns, more, language)
    if (share := report.get("total", {}).get("lost_contact")) is not None:
        click.echo(f"Lost: {share['n']} of {share['d']}; {many(report['total']['open'], 'number')} still within 24 h.")
    if hour := report.get("busy_hour"):
        click.echo(f"Busy hour: from {_moment(hour['from'])}, {hour['erlangs']['value']:.2f} erlang.")
    if len(columns) < len(report["columns"]):
        click.echo("Every number: --all. What each is: --json, or docs/reports.md.")
    if report.get("cut"):
        click.echo("There is more: take a shorter time.")


def _worth(name: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Intervals in which nothing happened are left out on a screen; files have them all."""
    if name not in ("intervals", "load", "heatmap"):
        return rows
    return [
        row for row in rows if any(_base(row.get(one)) for one in ("entered", "answered", "started", "peak", "offered"))
    ]


def _base(value: Any) -> Any:
    return value["n"] if isinstance(value, Mapping) else value


def _list(columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], language: str) -> None:
    from softswitch.reports.letter import shown

    def cell(row: Mapping[str, Any], column: Mapping[str, Any]) -> str:
        value, unit = row.get(column["name"]), column["unit"]
        if isinstance(value, Mapping) and "d" in value:
            value = value["value"]
        if isinstance(value, Mapping):
            return (
                ", ".join(f"{key} {shown(one, 'seconds' if unit == 'durations' else '')}" for key, one in value.items())
                or "–"
            )
        if unit == "time" and value and value != "all":
            return _moment(value)
        return shown(value, "" if isinstance(value, str) else unit)

    heads = [
        ("" if column["unit"] in ("text", "time", "durations", "bins") else ">")
        + (column["titles"].get(language) or column["titles"].get("en") or column["name"])
        for column in columns
    ]
    table("", heads, [[cell(row, column) for column in columns] for row in rows], empty="Nothing in that time.")


def _moment(text: str) -> str:
    """An ISO time without what the title says already."""
    return text[:16].replace("T", " ")


# --- the queue_log, and the rest -------------------------------------------------------------------------------------


@click.command("queue-log")
@click.option("--since", type=MOMENT, help="From a time on.  [default: as far as the journal reaches]")
@click.option("--until", type=MOMENT, help="Up to a time.  [default: now]")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file.  [default: standard output]")
@config_option
def queue_log(since: float | None, until: float | None, output: Path | None, config: Path | None) -> None:
    """Write the queues' past as Asterisk's queue_log, for programs that read these."""
    import asyncio

    path = configuration(config).paths.database
    if output is None:
        asyncio.run(_queue_log(path, since, until, click.echo))
        return
    try:
        with output.open("w", encoding="utf-8") as file:
            asyncio.run(_queue_log(path, since, until, lambda line: print(line, file=file)))
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}.", "Name another place.") from None
    click.echo(f"Written: {output}", err=True)


async def _queue_log(path: Path, since: float | None, until: float | None, say: Callable[[str], Any]) -> None:
    from softswitch.reports.queue_log import QueueLog
    from softswitch.store.reports import FOREVER, Reports

    log = QueueLog()
    reports = await Reports.open(path)
    try:
        async for one in reports.events_named(log.names, since=since or 0.0, until=until or FOREVER):
            for line in log.see(one.wall, one.name, one.payload):
                say(line)
    finally:
        await reports.close()


@click.command("send")
@click.argument("report")
@config_option
@json_option
def send(report: str, config: Path | None, as_json: bool) -> None:
    """Send a report of the site ([report.NAME]) now."""
    with attach(config) as switch:
        found = switch.patient(SENDING).call("report_send", name=report)
    emit(found, as_json, lambda one: click.echo(f"{one['report']} is on its way to {', '.join(one['to'])}."))


@click.command("rebuild")
@config_option
@json_option
def rebuild(config: Path | None, as_json: bool) -> None:
    """Count everything anew that is in the journal.

    Nobody needs to: a changed threshold, or another definition in a new version, is counted anew by itself.
    """
    from softswitch.errors import StoreError

    _, ledger = _opened(config)
    began = time.monotonic()
    try:
        events = ledger.rebuild()
    except StoreError as error:
        raise Failure(str(error), error.hint) from None
    finally:
        ledger.close()
    result = {"events": events, "seconds": round(time.monotonic() - began, 1)}
    emit(result, as_json, lambda one: click.echo(f"{many(one['events'], 'event')} counted in {one['seconds']} s."))
