"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SOFTSWITCH_SHARED", ROOT.parent / "shared"))


def pytest_report_header() -> str:
    if SHARED.is_dir():
        return f"reference corpora: {SHARED}"
    return "reference corpora: not here; tests marked `needs_shared` are left out"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a quiet run must not pass over in silence."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)}
    for reason in sorted(reasons):
        terminalreporter.write_line(f"left out: {reason}", yellow=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_shared: reads the reference corpora beside the checkout")
    config.addinivalue_line(
        "markers", "virtual: computes in virtual time and opens nothing, so that several run at once"
    )


# These run whole processes against the real clock: real telephones, the daemon, a media worker. A machine that is busy with
# something else makes one of them late now and then. What fails is run again, and the summary names it ("RERUN").
REAL_TIME = (
    "tests/interop/",
    "tests/unit/daemon/",
    "tests/unit/net/",
    *(
        f"tests/unit/media/test_{name}.py"
        for name in (
            "attacks", "browser", "dtls", "faults", "handle", "nursery", "relay_choice", "relays_alike", "salvage",
            "secured_relays", "tcx", "uring", "worker",
        )
    ),
)  # fmt: skip


# Many pages, each drawn in four ways: half a minute and more.
PAGES = "tests/interop/pages/"
# Nothing here depends on the real clock, a port or a process.
VIRTUAL = (
    "tests/sim/",
    *(f"tests/unit/{package}/" for package in ("acd", "call", "sim", "sip", "store")),
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        if path.startswith(REAL_TIME):
            item.add_marker(pytest.mark.flaky(reruns=3, reruns_delay=2))
            if path.startswith(PAGES):
                item.add_marker(pytest.mark.timeout(300))
        elif path.startswith(VIRTUAL):
            item.add_marker(pytest.mark.virtual)
    if SHARED.is_dir():
        return
    kept = [
        item
        for item in items
        if "shared" not in getattr(item, "fixturenames", ()) and not item.get_closest_marker("needs_shared")
    ]
    left_out = [item for item in items if item not in kept]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference corpora (conformance vectors, torture messages)."""
    return SHARED
