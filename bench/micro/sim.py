"""The simulator's speed: calls a second of processor time, and a year of a centre of fifty agents.

    python -m bench.micro.sim [--agents 50] [--days 5] [--year]

The centre: two queues with shared agents in two tiers, fifty agents in three shifts with breaks, talks of four minutes, callers
who give up; busy for about three quarters of their time. By default some days are run and the year is reckoned from them;
`--year` runs all of it, in as many processes as there are cores.
"""

from __future__ import annotations

import argparse
import json
import os
from time import perf_counter
from typing import Any

from softswitch.sim.scenario import Scenario, parse_scenario
from softswitch.sim.study import run as study

DAYS_OF_YEAR = 365
WEEKS = 52


def centre(agents: int, days: int, replications: int = 1) -> Scenario:
    """Calls so that agents are busy for some three quarters of their time."""
    third = agents // 3
    sizes = (agents - 2 * third, third, third)
    talk, wrap_up, load = 240.0, 20.0, 0.75
    by_hour = load * 3_600.0 / (talk + wrap_up + 4.0)  # calls that one agent serves
    shifts = ("06:00-14:00", "10:00-18:00", "14:00-22:00")
    working = {
        "06:00-10:00": sizes[0], "10:00-14:00": sizes[0] + sizes[1], "14:00-18:00": sizes[1] + sizes[2], "18:00-22:00": sizes[2],
    }  # fmt: skip
    rates = {f"Mon-Fri {times}": by_hour * count for times, count in working.items()}
    rates |= {f"Sat-Sun {times}": by_hour * count * 0.5 for times, count in working.items()}
    return parse_scenario(
        {
            "days": days,
            "replications": replications,
            "queue": {
                "sales": {"wrap_up": wrap_up, "tier_mode": "both", "tier_after": {"1": 30}},
                "service": {"wrap_up": wrap_up, "tier_mode": "both", "tier_after": {"1": 30}},
            },
            "callers": [
                {"queue": name, "rate": {when: rate / 2 for when, rate in rates.items()}, "talk": f"lognormal({talk}, 0.9)",
                 "patience": "exponential(180)"}
                for name in ("sales", "service")
            ],
            "teams": [
                {"name": f"shift{n}", "count": size, "queues": {"sales": n % 2, "service": (n + 1) % 2},
                 "shift": [f"Mon-Sun {times}"], "breaks": [f"Mon-Sun {_break(times)}"]}
                for n, (size, times) in enumerate(zip(sizes, shifts, strict=True))
            ],
        }
    )  # fmt: skip


def _break(shift: str) -> str:
    hour = int(shift[:2]) + 4
    return f"{hour:02}:00-{hour:02}:30"


def run(agents: int = 50, days: int = 5, year: bool = False) -> dict[str, Any]:
    """Some days in one process; the year is reckoned from them, or run."""
    done = study(centre(agents, days))
    result: dict[str, Any] = {
        "agents": agents,
        "days": days,
        "calls": done.calls,
        "calls_per_cpu_second": round(done.calls / done.cpu),
        "us_per_call": round(done.cpu / done.calls * 1e6, 1),
        "occupancy_percent": round(_mean(done.occupancy()[""]), 1),
        "calls_a_year": round(done.calls / days * DAYS_OF_YEAR),
        "year_cpu_seconds": round(done.cpu / days * DAYS_OF_YEAR, 1),
    }
    if year:
        begun = perf_counter()
        whole = study(centre(agents, 7, WEEKS), jobs=os.cpu_count() or 1)
        result |= {"year_calls": whole.calls, "year_seconds": round(perf_counter() - begun, 1)}
    return result


def _mean(one: Any) -> float:
    return one.mean if one is not None else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--year", action="store_true", help="run a whole year")
    print(json.dumps(run(**vars(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
