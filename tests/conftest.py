"""Fixtures for all tests."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SOFTSWITCH_SHARED", ROOT.parent / "shared"))


def pytest_report_header() -> list[str]:
    found = str(SHARED) if SHARED.is_dir() else "not here; tests marked `needs_shared` are left out"
    refused = _bpf_refused()
    kernel = f"REFUSED ({refused}); tests marked `needs_bpf` are left out" if refused else "tested"
    return [f"reference corpora: {found}", f"relay inside the kernel (eBPF): {kernel}"]


@functools.cache
def _bpf_refused() -> str:
    """Why the kernel takes no program from us; "" if it does."""
    from tests.unit.media.kernel import available

    return available()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_shared: reads the reference corpora beside the checkout")
    config.addinivalue_line("markers", "needs_bpf: loads programs into the kernel (CAP_BPF, CAP_NET_ADMIN)")


# These run whole processes against the real clock: real telephones, the daemon, a media worker. A machine that is busy with
# something else makes one of them late now and then. What fails is run again, and the summary names it ("RERUN").
REAL_TIME = ("tests/interop/", "tests/unit/daemon/", "tests/unit/net/", "tests/unit/media/test_worker")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(REAL_TIME):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))
    kept = [item for item in items if not _lacks(item)]
    left_out = [item for item in items if item not in kept]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _lacks(item: pytest.Item) -> bool:
    """Whether the test needs something that this machine does not have."""
    if item.get_closest_marker("needs_bpf") and _bpf_refused():
        return True
    reads = "shared" in getattr(item, "fixturenames", ()) or item.get_closest_marker("needs_shared")
    return bool(reads) and not SHARED.is_dir()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference corpora (conformance vectors, torture messages)."""
    return SHARED
