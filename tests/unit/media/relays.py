"""The relays that tests run with. Where the kernel does not permit one, its tests are left out, and the reason is told."""

from __future__ import annotations

import pytest

from media.relay.iouring import Unavailable, prove


def why_not_uring() -> str:
    """Why io_uring does not run here; "" if it does."""
    try:
        prove()
    except Unavailable as error:
        return f"the relay uring is not tested: {error.strerror}"
    return ""


NO_URING = why_not_uring()
needs_uring = pytest.mark.skipif(bool(NO_URING), reason=NO_URING)


def relays(*names: str) -> list[object]:
    """Parameters of a fixture or a test."""
    return [pytest.param(name, marks=needs_uring) if name.startswith("uring") else name for name in names]
