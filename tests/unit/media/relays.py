"""The relays that tests run with. Where the kernel does not permit one, its tests are left out, and the reason is told."""

from __future__ import annotations

import pytest

from media.legs import Legs
from media.relay.iouring import Unavailable, prove
from media.relay.offload import Offload
from media.relay.tcx import explain


def why_not_uring() -> str:
    """Why io_uring does not run here; "" if it does."""
    try:
        prove()
    except Unavailable as error:
        return f"the relay uring is not tested: {error.strerror}"
    return ""


def why_not_bpf() -> str:
    """Why the kernel takes no program of ours; "" if it does."""
    try:
        Offload(Legs(1), 20_000).close()
    except OSError as error:
        return f"the relay inside the kernel is not tested: {explain(error)}"
    return ""


NO_URING, NO_BPF = why_not_uring(), why_not_bpf()
needs_uring = pytest.mark.skipif(bool(NO_URING), reason=NO_URING)
needs_bpf = pytest.mark.skipif(bool(NO_BPF), reason=NO_BPF)


def relays(*names: str) -> list[object]:
    """Parameters of a fixture or a test."""
    marks = {"uring": (needs_uring,), "tcx": (needs_bpf,), "tc": (needs_bpf,)}
    return [pytest.param(name, marks=marks.get(name.partition("-")[0], ())) for name in names]
