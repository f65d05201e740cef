"""Calls at twice and five times what the switch can do: how many still succeed, of what it does at its best (RFC 5390 REQ 1).

What is refused must be refused by 503 and at once; a call that was begun must be carried through. The generator needs a
core of its own, and at five times the capacity it may be the one that cannot: `offered_per_s` says what it was told,
`sent_per_s` what it did.
"""

from __future__ import annotations

import time
from typing import Any

from bench import progress
from bench.lab import Lab
from bench.load import ladder, sipp
from bench.load.calls import answered_calls
from bench.load.ladder import Step

PEAK = (200, 400, 600, 800, 1_000, 1_250, 1_500, 2_000, 2_500)  # calls a second to look for the best among
FACTORS = (2, 5)
SECONDS = 8.0
HOLD_MS = 500


def run(*, accounts: int = 500, peak: tuple[int, ...] = PEAK, seconds: float = SECONDS) -> dict[str, Any]:
    """The peak, and the goodput at each factor as a share of it."""
    with Lab(accounts=accounts) as lab, answered_calls(lab) as caller_port:

        def measure(rate: int) -> Step:
            return _step(lab, caller_port, rate, seconds)

        steps = ladder.climb(peak, measure, _grows, refine=0, unit="calls/s")
        best = max(step["goodput_per_s"] for step in steps)
        for factor in FACTORS:
            progress.note(f"{factor} times the peak")
            steps.append(measure(factor * best) | {"factor": factor})
    shares = {step["factor"]: round(100 * step["goodput_per_s"] / max(1, best)) for step in steps if "factor" in step}
    return {
        "peak_per_s": best,
        **{f"goodput_percent_at_{factor}x": share for factor, share in shares.items()},
        "steps": steps,
    }


def _grows(step: Step) -> bool:
    """Whether the switch may not be at its peak yet."""
    return bool(step["goodput_per_s"] >= 0.9 * step["offered_per_s"])


def _step(lab: Lab, port: int, rate: int, seconds: float) -> Step:
    argv = sipp.command(
        "caller.xml", f"127.0.0.1:{lab.port}", port, "-inf", "fields.csv", "-r", str(rate), "-m", str(int(rate * seconds)),
        "-d", str(HOLD_MS), "-l", "400000", "-timeout", "60s",
    )  # fmt: skip
    began, signalling = time.monotonic(), lab.signalling_cpu()
    result = sipp.drive(argv, lab.directory, timeout=120)
    total = result.successful + result.failed
    return {
        "offered_per_s": rate,
        "goodput_per_s": round(result.successful / (seconds + HOLD_MS / 1e3)),
        "sent_per_s": round(total / max(seconds, min(result.seconds, time.monotonic() - began))),
        "successful": result.successful,
        "refused_503": result.codes.get("503", 0),
        "lost": result.failed - result.codes.get("503", 0),
        "unexpected": {code: count for code, count in result.codes.items() if code != "503"},
        "retransmissions": result.retransmissions,
        "core_percent": round(100 * (lab.signalling_cpu() - signalling) / max(0.1, result.seconds)),
    }


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
