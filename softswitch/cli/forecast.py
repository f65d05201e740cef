"""What a change of the site would have done to the last hour of the queues: the record, played again under it (FEATURES B-12).

`python -m softswitch.cli.forecast` does it for a running switch, which has calls to attend to: {"result", "database",
"strategies", "hours"} as JSON comes in, the answer goes out.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from softswitch.cli.context import configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from softswitch.sim.tape import Noted
    from softswitch.sim.whatif import Comparison

OFFERS: Final = 20_000  # that are played again at most, in all replications: a matter of seconds
FEWEST, MOST = 3, 20  # replications
FIGURES: Final = {"sl": "SL % {}", "asa": "ASA {} s", "abandon": "abandoned % {}"}
OF_QUEUES: Final = re.compile(r"[+~-] (queue|agent) ")


def hours_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--hours", type=click.FloatRange(0.0), default=1.0, show_default=True,
        help="With --dry-run: how much of the record of the queues is played again under the change; 0 = nothing.",
    )(command)  # fmt: skip


def forecast(result: dict[str, Any], config: Path | None, hours: float) -> dict[str, Any]:
    """The answer to a dry run, with what the change would have done in place of the site that it was about."""
    site = result.pop("site", None)
    if site is None or not hours or not any(OF_QUEUES.match(line) for line in result["changes"]):
        return result
    paths = configuration(config).paths
    return replayed(result, site, paths.database, paths.strategies, hours)


def replayed(
    result: dict[str, Any], site: str, database: Path, strategies: Path | None, hours: float
) -> dict[str, Any]:
    """The answer to a dry run about this site, with its figures."""
    begin = time.time() - hours * 3_600.0
    found = _compare(site, database, strategies, begin)
    if found is None:
        return result | {"replay": [], "replayed_offers": 0}
    lines = [
        f"? {f'queue {queue}' if queue else 'all queues'}: {', '.join(said)}"
        for queue in sorted(found.difference)
        if (queue or len(found.difference) > 2) and (said := _said(found, queue))
    ]
    return result | {"replay": lines, "replayed_offers": found.offers}


def _compare(site: str, database: Path, strategies: Path | None, begin: float) -> Comparison | None:
    import asyncio
    import tomllib

    from softswitch.decode import Problems
    from softswitch.sim.policy import read_policy
    from softswitch.sim.tape import NoTape, chosen, sections
    from softswitch.sim.whatif import compare
    from softswitch.strategies import find

    problems = Problems("the changed site")
    policy = read_policy(tomllib.loads(site), problems)
    problems.check()
    try:
        tape = chosen(sections(asyncio.run(_recorded(database, begin))), begin, None)
    except NoTape:
        return None
    rankers = find(strategies).rankers
    offers = compare(tape, since=begin, rankers=rankers).offers
    if not offers:
        return None
    replications = max(FEWEST, min(MOST, OFFERS // offers))
    return compare(tape, policy, since=begin, replications=replications, rankers=rankers)


async def _recorded(database: Path, begin: float) -> list[Noted]:
    from softswitch.cli.sim import REACH
    from softswitch.sim.tape import Noted
    from softswitch.store.past import Past

    past = await Past.open(database)
    try:
        entries = await past.journal(begin - REACH, 1e15)
    finally:
        await past.close()
    return [Noted(one.seq, one.wall, one.mono, one.name, one.payload) for one in entries]


def _said(found: Comparison, queue: str) -> list[str]:
    from softswitch.cli.sim import interval

    said = []
    for name, form in FIGURES.items():
        before, after, difference = (
            one.get(queue, {}).get(name) for one in (found.before, found.after, found.difference)
        )
        if before is not None and after is not None and difference is not None:
            said.append(form.format(f"{before.mean:.1f} -> {after.mean:.1f} (difference {interval(difference)})"))
    return said


def main() -> None:
    """For `softswitch.running.forecasting`."""
    asked = json.load(sys.stdin)
    result = asked["result"]
    found = replayed(
        result,
        result.pop("site"),
        Path(asked["database"]),
        Path(asked["strategies"]) if asked["strategies"] else None,
        asked["hours"],
    )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
