"""REGISTER with digest (401, then 200): the highest rate without failures, and the CPU time of one registration."""

from __future__ import annotations

from typing import Any

from bench.lab import Lab, free_port
from bench.load import ladder, sipp
from bench.load.ladder import Step

RATES = (1_000, 2_000, 4_000, 5_000, 6_000, 8_000, 10_000, 12_000)  # registrations a second
SECONDS = 5.0
TOLERATED = 0.001  # share of failures
KEPT_UP = 0.9  # of the offered rate; below this it is the generator, or the switch, that cannot


def write_fields(lab: Lab, port: int, *, called: str = "") -> None:
    """sipp's data file: user, authentication, contact port (or called user), domain."""
    lines = ["SEQUENTIAL"]
    for account in lab.info["accounts"]:
        user, password = account["user"], account["password"]
        if user == called:
            continue
        lines.append(f"{user};[authentication username={user} password={password}];{called or port};{lab.domain}")
    (lab.directory / "fields.csv").write_text("\n".join(lines) + "\n")


def step(lab: Lab, argv: list[str], rate: int, *, hold: float = 0.0) -> Step:
    """Run sipp at a rate; what failed and why, and what it cost. `hold`: seconds from the last start to its end."""
    before, signalling, starved = lab.cpu(), lab.signalling_cpu(), lab.starved()
    result = sipp.drive(argv, lab.directory, timeout=90)
    used, signalling, starved = lab.cpu() - before, lab.signalling_cpu() - signalling, lab.starved() - starved
    return {
        "offered_per_s": rate,
        "reached_per_s": round(result.successful / max(0.001, result.seconds - hold)),
        "failed": result.failed,
        "failed_percent": round(100 * result.failure_share, 3),
        # 503: refused at once because the switch was behind (load shedding). A failure like any other.
        "refused_503": result.codes.get("503", 0),
        "unexpected": {code: count for code, count in result.codes.items() if code != "503"},
        "retransmissions": result.retransmissions,
        "cpu_ms": round(used * 1e3 / max(1, result.successful), 4),
        "cpu_ms_without_media": round(signalling * 1e3 / max(1, result.successful), 4),
        "core_percent": round(100 * used / result.seconds) if result.seconds else 0,
        "starved_percent": round(100 * starved / result.seconds) if result.seconds else 0,
    }


def good(step: Step) -> bool:
    """Whether the switch served that rate."""
    return bool(step["failed_percent"] <= 100 * TOLERATED and step["reached_per_s"] >= KEPT_UP * step["offered_per_s"])


def run(*, accounts: int = 1_000, rates: tuple[int, ...] = RATES, seconds: float = SECONDS) -> dict[str, Any]:
    """Climb the rates until more than `TOLERATED` fail. Figures: rate reached, CPU ms each at the best rate, all steps."""
    with Lab(accounts=accounts) as lab:
        port = free_port()
        write_fields(lab, port)

        def measure(rate: int) -> Step:
            argv = sipp.command(
                "register.xml", f"127.0.0.1:{lab.port}", port, "-inf", "fields.csv", "-r", str(rate),
                "-m", str(int(rate * seconds)), "-l", "200000", "-timeout", "60s",
            )  # fmt: skip
            return step(lab, argv, rate)

        steps = ladder.climb(rates, measure, good, unit="registrations/s")
    best = ladder.highest(steps, good, "reached_per_s")
    return {
        "register_per_s": best["reached_per_s"] if best else 0,
        "cpu_ms_each": (best or steps[0])["cpu_ms"],
        "steps": steps,
    }


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
