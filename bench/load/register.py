"""REGISTER with digest (401, then 200): the highest rate without failures, and the CPU time of one registration."""

from __future__ import annotations

from typing import Any

from bench.lab import Lab, free_port
from bench.load import sipp

RATES = (1_000, 2_000, 4_000, 5_000, 6_000, 8_000, 10_000, 12_000)  # registrations a second
SECONDS = 5.0
TOLERATED = 0.001  # share of failures


def write_fields(lab: Lab, port: int, *, called: str = "") -> None:
    """sipp's data file: user, authentication, contact port (or called user), domain."""
    lines = ["SEQUENTIAL"]
    for account in lab.info["accounts"]:
        user, password = account["user"], account["password"]
        if user == called:
            continue
        lines.append(f"{user};[authentication username={user} password={password}];{called or port};{lab.domain}")
    (lab.directory / "fields.csv").write_text("\n".join(lines) + "\n")


def run(*, accounts: int = 1_000, rates: tuple[int, ...] = RATES, seconds: float = SECONDS) -> dict[str, Any]:
    """Climb the rates until more than `TOLERATED` fail. Figures: rate reached, CPU ms each at the best rate, all steps."""
    steps: list[dict[str, Any]] = []
    with Lab(accounts=accounts) as lab:
        port = free_port()
        write_fields(lab, port)
        for rate in rates:
            argv = sipp.command(
                "register.xml", f"127.0.0.1:{lab.port}", port, "-inf", "fields.csv", "-r", str(rate),
                "-m", str(int(rate * seconds)), "-l", "200000", "-timeout", "60s",
            )  # fmt: skip
            before = lab.cpu()
            result = sipp.drive(argv, lab.directory, timeout=90)
            used = lab.cpu() - before
            reached = result.successful / result.seconds if result.seconds else 0.0
            steps.append(
                {
                    "offered_per_s": rate,
                    "reached_per_s": round(reached),
                    "failed": result.failed,
                    "retransmissions": result.retransmissions,
                    "cpu_ms": round(used * 1e3 / max(1, result.successful), 4),
                }
            )
            if result.failure_share > TOLERATED or reached < 0.9 * rate:
                break
    good = [step for step in steps if step["failed"] <= TOLERATED * step["offered_per_s"] * seconds]
    best = max(good, key=lambda step: step["reached_per_s"], default=steps[-1])
    return {"register_per_s": best["reached_per_s"], "cpu_ms_each": best["cpu_ms"], "steps": steps}


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
