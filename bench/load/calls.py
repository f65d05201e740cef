"""Authenticated calls through the B2BUA, INVITE to BYE on both legs: calls a second on one core, CPU ms each."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

from bench.lab import Lab, free_port, pinned_to_load
from bench.load import ladder, sipp
from bench.load.ladder import Step
from bench.load.register import good, step, write_fields

RATES = (100, 300, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000)  # calls a second
SECONDS = 6.0


@contextlib.contextmanager
def answered_calls(lab: Lab) -> Iterator[int]:
    """The last account of the lab answers whoever calls it, and the others' credentials lie ready; the port to call from."""
    callee_port, caller_port = free_port(), free_port()
    callee = lab.info["accounts"][-1]
    register_callee(lab, callee, callee_port)
    answering = subprocess.Popen(
        sipp.command("callee.xml", f"127.0.0.1:{lab.port}", callee_port),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=lab.directory, preexec_fn=pinned_to_load,
    )  # fmt: skip
    try:
        write_fields(lab, caller_port, called=callee["user"])
        yield caller_port
    finally:
        answering.terminate()
        answering.wait()


def run(
    *, accounts: int = 500, rates: tuple[int, ...] = RATES, seconds: float = SECONDS, hold_ms: int = 500
) -> dict[str, Any]:
    """Climb the rates until too many fail. The last account answers, all others call it."""
    with Lab(accounts=accounts) as lab, answered_calls(lab) as caller_port:

        def measure(rate: int) -> Step:
            argv = sipp.command(
                "caller.xml", f"127.0.0.1:{lab.port}", caller_port, "-inf", "fields.csv", "-r", str(rate),
                "-m", str(int(rate * seconds)), "-d", str(hold_ms), "-l", "200000", "-timeout", "60s",
            )  # fmt: skip
            return step(lab, argv, rate, hold=hold_ms / 1e3)

        steps = ladder.climb(rates, measure, good, unit="calls/s")
    best = ladder.highest(steps, good, "reached_per_s")
    return {
        "calls_per_s": best["reached_per_s"] if best else 0,
        "cpu_ms_each": (best or steps[0])["cpu_ms"],
        "steps": steps,
    }


def register_callee(lab: Lab, account: dict[str, str], port: int) -> None:
    """Register the phone that answers all calls."""
    user, password = account["user"], account["password"]
    line = f"{user};[authentication username={user} password={password}];{port};{lab.domain}"
    (lab.directory / "fields.csv").write_text(f"SEQUENTIAL\n{line}\n")
    argv = sipp.command(
        "register.xml", f"127.0.0.1:{lab.port}", free_port(), "-inf", "fields.csv", "-m", "1", "-timeout", "20s"
    )
    if sipp.drive(argv, lab.directory, timeout=30).successful != 1:
        raise SystemExit("the answering phone could not register")


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
