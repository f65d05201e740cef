"""`softswitch sim`: a scenario under virtual time, or what was recorded once more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from softswitch.cli.context import configuration
from softswitch.cli.output import FAILED, USAGE, WRONG_CONFIG, Failure, config_option, emit, json_option, many, table
from softswitch.cli.times import MOMENT
from softswitch.errors import ConfigError

if TYPE_CHECKING:
    from softswitch.acd.custom import Ranker
    from softswitch.sim.replay import Assignment
    from softswitch.sim.study import Study
    from softswitch.sim.tape import Noted
    from softswitch.sim.whatif import Comparison

MOST_JOBS: Final = 256
OWN: Final = "the site's own database"
REACH: Final = 30 * 3_600.0  # seconds before --from in which a beginning is looked for
SHOWN_DIFFERENCES: Final = 10
COLUMNS: Final = {
    "offered": "offered", "answered": "answered", "sl": "SL %", "asa": "ASA s", "p90": "p90 s", "longest": "longest s",
    "abandon": "abandoned %",
}  # fmt: skip


@click.command()
@click.argument("scenario", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--replay", is_flag=False, flag_value=OWN, metavar="[JOURNAL]",
    help="Play what was recorded once more: from the site's own database, or a file of `softswitch events --json`.",
)  # fmt: skip
@click.option("--from", "begin", type=MOMENT, help="Replay: callers from this time on, such as 2026-11-20T09:00.")
@click.option("--to", "end", type=MOMENT, help="Replay: ... until this time.")
@click.option(
    "--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Replay: under another policy, a site.toml or only its tables that change.",
)  # fmt: skip
@click.option("--seed", type=int, help="Draw other random numbers.  [default: of the scenario]")
@click.option("--replications", type=click.IntRange(1, 10_000), help="How many times.  [default: of the scenario]")
@click.option("--jobs", type=click.IntRange(0, MOST_JOBS), default=0, help="Processes at once; 0 = one for each core.")
@config_option
@json_option
@click.pass_context
def sim(
    context: click.Context, scenario: Path | None, replay: str | None, begin: float | None, end: float | None,
    policy: Path | None, seed: int | None, replications: int | None, jobs: int, config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Try a policy with the very engine that serves calls: on a scenario, or on what was recorded.

    A scenario says who calls, who works when, and what is expected. The exit code is 1 if an expectation does not hold; then an
    example is shown, with the reasons of every decision that led to it.

    A replay without --policy must come to the recorded assignments, to the last one, else the exit code is 1. With it the
    difference is told, with its confidence interval.
    """
    if (scenario is None) is (replay is None):
        raise Failure(
            "Name a scenario, or give --replay.", "softswitch sim SCENARIO.toml, or softswitch sim --replay", USAGE
        )
    if scenario is not None:
        if begin is not None or end is not None or policy is not None:
            raise Failure("--from, --to and --policy go with --replay.", "A scenario has its own policy.", USAGE)
        good = _scenario(scenario, seed, replications, jobs, as_json)
    else:
        assert replay is not None
        good = _replay(config, replay, begin, end, policy, seed, replications, as_json)
    if not good:
        context.exit(FAILED)


def _scenario(scenario: Path, seed: int | None, replications: int | None, jobs: int, as_json: bool) -> bool:
    from softswitch.sim.scenario import read_scenario
    from softswitch.sim.study import run

    try:
        read = read_scenario(scenario)
    except ConfigError as error:
        raise Failure(str(error), "See docs/simulator.md for what a scenario may say.", WRONG_CONFIG) from None
    read = replace(
        read, seed=read.seed if seed is None else seed, replications=replications or read.replications
    )  # fmt: skip
    study = run(read, jobs=jobs or os.cpu_count() or 1)
    emit(study.as_dict(), as_json, lambda _: show(study))
    return study.holds


def _replay(
    config: Path | None, journal: str, begin: float | None, end: float | None, policy: Path | None, seed: int | None,
    replications: int | None, as_json: bool,
) -> bool:  # fmt: skip
    import asyncio

    from softswitch.sim.policy import read_policy_file
    from softswitch.sim.tape import NoTape, chosen, read_file, sections
    from softswitch.sim.whatif import REPLICATIONS, compare, last_policy

    try:
        lines = read_file(Path(journal)) if journal != OWN else asyncio.run(_recorded(config, begin, end))
        found = chosen(sections(lines), begin, end)
        change = read_policy_file(policy, last_policy(found[-1])) if policy is not None else None
        result = compare(
            found,
            change,
            rankers=_rankers(config, journal),
            since=begin,
            until=end,
            replications=replications or REPLICATIONS,
            seed=1 if seed is None else seed,
        )
    except ConfigError as error:
        raise Failure(str(error), "See docs/site.md for what a policy may say.", WRONG_CONFIG) from None
    except OSError as error:
        raise Failure(f"{journal}: {error.strerror}", "Name a file of: softswitch events --json") from None
    except NoTape as error:
        raise Failure(str(error), error.hint) from None
    emit(result.as_dict(), as_json, lambda _: show_replay(result))
    return result.different == 0


def _rankers(config: Path | None, journal: str) -> Mapping[str, Ranker]:
    """The strategies in Python of the site; a journal in a file comes without, unless a configuration is named."""
    from softswitch.strategies import find

    return find(configuration(config).paths.strategies).rankers if journal == OWN or config is not None else {}


async def _recorded(config: Path | None, begin: float | None, end: float | None) -> list[Noted]:
    from softswitch.sim.tape import Noted
    from softswitch.store.past import Past

    past = await Past.open(configuration(config).paths.database)
    try:
        entries = await past.journal(0.0 if begin is None else begin - REACH, 1e15 if end is None else end)
    finally:
        await past.close()
    return [Noted(one.seq, one.wall, one.mono, one.name, one.payload) for one in entries]


def show_replay(result: Comparison) -> None:
    def moment(wall: float) -> str:
        return datetime.fromtimestamp(wall).strftime("%Y-%m-%d %H:%M")

    lives = many(len(result.replayed), "process", "processes")
    click.echo(
        f"{moment(result.since)} to {moment(result.until)}, {many(result.offers, 'offer')}, recorded by {lives}."
    )
    if not result.different:
        click.echo("Every assignment is as recorded.")
    else:
        click.secho(f"{many(result.different, 'assignment')} differ from the record.", fg="red")
        for one in result.replayed:
            for theirs, mine in one.differences[:SHOWN_DIFFERENCES]:
                click.echo(f"  recorded {_assignment(theirs)}, now {_assignment(mine)}")
    if not all(one.section.exact for one in result.replayed):
        click.echo("The record begins while calls were going on: the first assignments may differ for that reason.")
    if not result.before:
        _show_recorded(result)
        return
    for queue in sorted(result.before):
        if queue or len(result.before) > 2:
            _show_difference(queue, result)
    occupancy = [one.get("", {}).get("occupancy") for one in (result.before, result.after, result.difference)]
    click.echo(
        f"Occupancy: recorded {_number(result.recorded.get('', {}).get('occupancy'))} %, modelled {interval(occupancy[0])}, "
        f"then {interval(occupancy[1])}, difference {interval(occupancy[2])}"
    )
    click.echo(
        f"{many(result.replications, 'replication')} of what the record cannot know. Plus-minus: 95 % confidence."
    )


def _show_recorded(result: Comparison) -> None:
    rows = [
        [queue or "all", *(_number(found.get(name)) for name in COLUMNS)]
        for queue, found in sorted(result.recorded.items())
        if queue or len(result.recorded) > 2
    ]
    table("", ["queue", *(f">{title}" for title in COLUMNS.values())], rows)


def _show_difference(queue: str, result: Comparison) -> None:
    table(
        queue or "all queues", ["", ">recorded", ">modelled", ">with the policy", ">difference"],
        [
            [
                title, _number(result.recorded.get(queue, {}).get(name)),
                *(interval(one.get(queue, {}).get(name)) for one in (result.before, result.after, result.difference)),
            ]
            for name, title in COLUMNS.items()
        ],
    )  # fmt: skip


def _assignment(one: Assignment | None) -> str:
    return "nobody" if one is None else f"{one.caller} -> {one.agent} (offer {one.offer})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.{0 if abs(value) >= 1_000 else 1}f}"


def show(study: Study) -> None:
    from softswitch.sim.study import Key

    def row(key: Key) -> list[Any]:
        estimates = study.estimates(key)
        return [*(one or "all" for one in key), *(interval(estimates.get(name)) for name in COLUMNS)]

    keys = study.keys()
    streams = {stream for _, stream in keys if stream}
    queues = {queue for queue, _ in keys if queue}
    shown = [
        (queue, stream)
        for queue, stream in keys
        if (queue or len(queues) > 1) and (not stream or len(streams) > len(queues))
    ]
    table(
        study.scenario.title,
        ["queue", "callers", *(f">{title}" for title in COLUMNS.values())],
        [row(one) for one in shown],
    )
    occupancy = {team: one for team, one in study.occupancy().items() if one is not None}
    if len(occupancy) == 2:
        occupancy.pop("")
    click.echo(
        "Occupancy: " + ", ".join(f"{team or 'all'} {interval(one)} %" for team, one in sorted(occupancy.items()))
    )
    speed = study.calls / study.cpu if study.cpu else 0.0
    click.echo(
        f"{study.calls} calls in {many(len(study.runs), 'replication')} of {many(study.scenario.days, 'day')}, "
        f"{speed:,.0f} calls a second of processor time. Plus-minus: 95 % confidence."
    )
    for one in study.verdicts:
        mark = click.style("holds", fg="green") if one.holds else click.style("FAILS", fg="red", bold=True)
        value = f"   ({interval(one.value)})" if one.value is not None else ""
        count = f"   ({one.breaches} times)" if one.breaches else ""
        click.echo(f"{mark}  {one.expectation}{value}{count}")
        if one.example is not None:
            detail = f": {one.example.detail}" if one.example.detail else ""
            click.echo(
                f"       for example {one.example.caller or 'the engine'}, replication {one.example.replication}{detail}"
            )
        for line in one.chain:
            click.echo(f"         {line}")


def interval(estimate: Any) -> str:
    """`81.2 ±1.4`."""
    if estimate is None:
        return "-"
    digits = 0 if abs(estimate.mean) >= 1_000 else 1
    if estimate.half_width is None:
        return f"{estimate.mean:.{digits}f}"
    return f"{estimate.mean:.{digits}f} ±{estimate.half_width:.{digits}f}"
