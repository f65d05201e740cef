"""Drive sipp: one scenario, a rate and a number of calls; the figures come from its statistics file."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.lab import pinned_to_load

SCENARIOS = Path(__file__).with_name("scenarios")


@dataclass(slots=True)
class Result:
    """What sipp counted. `seconds`: from its start to the end of the last call. `codes`: unexpected responses by status."""

    successful: int
    failed: int
    retransmissions: int
    seconds: float
    unexpected: int
    codes: dict[str, int] = field(default_factory=dict)

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
    for file in directory.glob("*_error_codes.csv"):
        file.unlink()
    argv = [*argv, "-trace_stat", "-fd", "1", "-stf", str(statistics), "-trace_error_codes"]
    with (directory / "sipp.out").open("wb") as out:
        subprocess.run(
            argv, stdout=out, stderr=subprocess.STDOUT, cwd=directory, timeout=timeout, check=False,
            preexec_fn=pinned_to_load,
        )  # fmt: skip
    with statistics.open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return Result(
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        # Its elapsed time is cut to whole seconds, its time stamps are not.
        seconds=_epoch(last["CurrentTime"]) - _epoch(last["StartTime"]),
        unexpected=int(last.get("FailedUnexpectedMessage(C)") or 0),
        codes=_codes(directory),
    )


def _epoch(stamp: str) -> float:
    """A stamp such as "2026-01-31\t12:00:00.000000\t1795326856.415558" as seconds."""
    return float(stamp.rpartition("\t")[2])


def _codes(directory: Path) -> dict[str, int]:
    """Unexpected responses by status: lines "date\ttime\tepoch;elapsed;480,480,"."""
    found: Counter[str] = Counter()
    for file in directory.glob("*_error_codes.csv"):
        for line in file.read_text().splitlines():
            found.update(re.findall(r"[0-9]{3}", line.rpartition(";")[2]))
    return dict(found)
