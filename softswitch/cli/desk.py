"""The front desk of a running switch: opening hours, announcements of outages, blocked callers."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.context import configuration
from softswitch.cli.output import Failure, config_option, emit, json_option, table

MINUTE: Final = "%Y-%m-%d %H:%M"
UNTIL = 'When it ends by itself: "2026-12-24 13:00", "13:00", "90m", "2h" or "3d".  [default: when you say so]'


def moment(wall: float, timezone: str = "") -> str:
    """A Unix time as clocks show it in `timezone`, "" = those of this machine; "" for none."""
    zone = ZoneInfo(timezone) if timezone else None
    return datetime.datetime.fromtimestamp(wall, datetime.UTC).astimezone(zone).strftime(MINUTE) if wall else ""


# --- hours -----------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def hours(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Opening hours: what is open now and until when; overrule them by hand."""
    if context.invoked_subcommand is None:
        with attached(config) as switch:
            emit(switch.call("hours"), as_json, _show_hours)


@hours.command("set")
@click.argument("name")
@click.argument("state", type=click.Choice(["open", "closed", "auto"]))
@click.option("--until", default="", help=UNTIL)
@config_option
@json_option
def hours_set(name: str, state: str, until: str, config: Path | None, as_json: bool) -> None:
    """Overrule opening hours, or let them hold again (auto)."""
    with attached(config) as switch:
        done = switch.call("hours_set", name=name, state=state, until=until)
    emit(done, as_json, lambda one: _show_hours([one]))


def _show_hours(found: list[dict[str, Any]]) -> None:
    table(
        "", ["hours", "now", "why", "until", "by", "next"],
        [
            [
                one["hours"], "open" if one["open"] else "closed", _why(one), moment(one["until"], one["timezone"]),
                one["by"], _next(one),
            ]
            for one in found
        ],
        empty="The site has no opening hours: [hours.NAME] of site.toml.",
    )  # fmt: skip


def _why(one: dict[str, Any]) -> str:
    if one["state"] != "auto":
        return "by hand"
    if one["site"] != "auto":
        return "override of the site"
    return "public holiday" if one["holiday"] and not one["open"] else "its calendar"


def _next(one: dict[str, Any]) -> str:
    """When callers notice the next change. What overrules the calendar now hides its changes; "" where that is not known."""
    if one["state"] == one["site"] == "auto":
        verb, at = "opens" if one["opens"] else "closes", one["next_change"]
    else:
        verb, at = "opens", "" if one["open"] else one["next_opening"]
    return f"{verb} {datetime.datetime.fromisoformat(at):%a {MINUTE}}" if at else ""


# --- outage ----------------------------------------------------------------------------------------------------------


@click.group()
def outage() -> None:
    """An announcement at the entrance of your numbers when something is wrong."""


@outage.command("on")
@click.argument("name", default="outage")
@click.option(
    "--number",
    "numbers",
    multiple=True,
    help="A number of yours; * = all.  [default: the site's, or *]",
)
@click.option("--play", "clips", multiple=True, help="A clip.  [default: the site's, or outage]")
@click.option(
    "--wav", type=click.Path(dir_okay=False, path_type=Path), help="A recording of your own, in place of --play."
)
@click.option("--then", default=None, help='Where callers go afterwards, such as hangup; "" = where they always go.')
@click.option("--until", default="", help=UNTIL)
@config_option
@json_option
def outage_on(
    name: str, numbers: tuple[str, ...], clips: tuple[str, ...], wav: Path | None, then: str | None, until: str,
    config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Switch an announcement on: one that the site has ready, or what you say here."""
    if wav is not None and clips:
        raise click.UsageError("Either --wav or --play.")
    if wav is not None:
        clips = (_take_in(name, wav, config),)
    with attached(config) as switch:
        done = switch.call("outage_on", name=name, numbers=list(numbers), clips=list(clips), then=then, until=until)
    emit(done, as_json, lambda one: _show_outages([one]))


def _take_in(name: str, wav: Path, config: Path | None) -> str:
    """Put a recording beside the added prompts, and let the switch take it; the name of the clip."""
    from media.intake import IntakeError, take_in
    from softswitch import uploads
    from softswitch.running import sounds
    from softswitch.store.site import parse_site

    clip = "outage-" + (re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-") or "own")
    settings = configuration(config)
    with attached(config) as switch:
        site = parse_site(switch.call("edit", operation="export", options={})["text"])
        languages = sorted(sounds.languages(site))  # Whatever a caller speaks, this is what there is to say.
        try:
            for language in languages:
                take_in(wav, uploads.target(settings, clip, language))
        except (IntakeError, uploads.UploadError) as error:
            raise Failure(str(error), error.hint) from None
        except OSError as error:
            raise Failure(
                f"{error.filename or wav}: {error.strerror}.", "Run the command as the user that runs the switch."
            ) from None
        switch.call("sounds", again=[f"{language}/{clip}" for language in languages])
    return clip


@outage.command("off")
@click.argument("name", default="")
@config_option
@json_option
def outage_off(name: str, config: Path | None, as_json: bool) -> None:
    """Switch one announcement off, or all."""
    with attached(config) as switch:
        done = switch.call("outage_off", name=name)
    emit(done, as_json, lambda names: click.echo(f"Off: {', '.join(names)}." if names else "None was on."))


@outage.command("status")
@config_option
@json_option
def outage_status(config: Path | None, as_json: bool) -> None:
    """Show which announcements are on, and which the site has ready."""
    with attached(config) as switch:
        emit(switch.call("outages"), as_json, _show_outages)


def _show_outages(found: list[dict[str, Any]]) -> None:
    table(
        "", ["announcement", "on", "at", "clips", "then", "since", "until", "by"],
        [
            [
                one["outage"], one["on"], ", ".join(one["numbers"]), ", ".join(one["clips"]), one["then"] or "as always",
                moment(one["since"]), moment(one["until"]), one["by"],
            ]
            for one in found
        ],
        empty="No announcement is on, and the site has none ready.",
    )  # fmt: skip


# --- callers ---------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def callers(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Who may call: blocked numbers, lists, what is known of a number."""
    if context.invoked_subcommand is None:
        with attached(config) as switch:
            emit(switch.call("callers"), as_json, _show_callers)


def _show_callers(found: dict[str, Any]) -> None:
    table(
        "Blocked", ["number", "since", "until", "reason", "by"],
        [
            [one["number"], moment(one["since"]), moment(one["until"]) or "for good", one["reason"], one["by"]]
            for one in found["blocked"]
        ],
        empty="No number is blocked.",
    )  # fmt: skip
    if found["lists"]:
        table(
            "Lists",
            ["list", "title", ">numbers"],
            [[one["list"], one["title"], one["numbers"]] for one in found["lists"]],
        )


@callers.command("block")
@click.argument("number")
@click.option("--days", type=click.FloatRange(min=0.0, min_open=True), help="For so long.  [default: for good]")
@click.option("--reason", default="", help="Why, for whoever looks at it later.")
@config_option
@json_option
def block(number: str, days: float | None, reason: str, config: Path | None, as_json: bool) -> None:
    """Refuse calls from a number, from all that begin with one ("+4870*"), or without a number (anonymous)."""
    with attached(config) as switch:
        done = switch.call("caller_block", number=number, days=days or 0.0, reason=reason)
    emit(done, as_json, lambda one: click.echo(f"{one['number']} is blocked{_till(one['until'])}."))


def _till(wall: float) -> str:
    return f" until {moment(wall)}" if wall else ""


@callers.command("unblock")
@click.argument("number")
@config_option
@json_option
def unblock(number: str, config: Path | None, as_json: bool) -> None:
    """Let a number call again."""
    with attached(config) as switch:
        done = switch.call("caller_unblock", number=number)
    emit(done, as_json, lambda one: click.echo(f"{one} can call again."))


@callers.command("show")
@click.argument("number")
@config_option
@json_option
def show(number: str, config: Path | None, as_json: bool) -> None:
    """Show what is known of a number: lists, calls lately, the customer."""
    with attached(config) as switch:
        emit(switch.call("caller", number=number), as_json, _show_caller)


def _show_caller(one: dict[str, Any]) -> None:
    card = one["customer"]
    rows = [
        ["number", one["number"]], ["blocked", one["blocked"]], ["lists", ", ".join(one["lists"])],
        ["calls today", one["calls_today"]], ["in the last hour", one["calls_hour"]],
        ["in 24 hours", one["calls_day"]], ["in 7 days", one["calls_week"]],
        ["customer", f"{card['id']} {card['name']}" if card else ""],
    ]  # fmt: skip
    table("", ["", ""], rows)
