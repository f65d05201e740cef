"""Drive sipp: one scenario, a rate and a number of calls; the figures come from its statistics file."""

from __future__ import annotations

import csv
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.lab import pinned_to_load

SCENARIOS = Path(__file__).with_name("scenarios")


@dataclass(slots=True)
class Result:
    """What sipp counted. `seconds`: its own elapsed time, from the first call to the last."""

    successful: int
    failed: int
    retransmissions: int
    seconds: float
    unexpected: int

    @property
    def failure_share(self) -> float:
        total = self.successful + self.failed
        return self.failed / total if total else 1.0


def command(scenario: str, target: str, port: int, *options: str) -> list[str]:
    """The command line for a scenario of ours against `target` ("host:port") from local `port`."""
    program = shutil.which("sipp")
    if not program:
        raise SystemExit("sipp is not installed: apt-get install sip-tester")
    return [
        program, target, "-sf", str(SCENARIOS / scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin",
        "-buff_size", "4194304", *options,
    ]  # fmt: skip


def drive(argv: list[str], directory: Path, *, timeout: float) -> Result:
    """Run sipp to its end and read its statistics. `directory` receives its files."""
    statistics = directory / "sipp-statistics.csv"
    statistics.unlink(missing_ok=True)
    argv = [*argv, "-trace_stat", "-fd", "1", "-stf", str(statistics)]
    with (directory / "sipp.out").open("wb") as out:
        subprocess.run(
            argv,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=directory,
            timeout=timeout,
            check=False,
            preexec_fn=pinned_to_load,
        )
    with statistics.open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    elapsed = last["ElapsedTime(C)"].split(":")
    return Result(
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        seconds=sum(float(part) * scale for part, scale in zip(elapsed, (3600, 60, 1, 1e-6), strict=False)),
        unexpected=int(last.get("FailedUnexpectedMessage(C)") or 0),
    )
