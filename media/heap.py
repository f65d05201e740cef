"""Memory that was freed goes back to the system when we say so: the allocator would keep it for the next large thing."""

from __future__ import annotations

import contextlib
import ctypes

_libc = ctypes.CDLL(None)


def give_back() -> None:
    """Return what is free (malloc_trim(3)), where the C library can: takes up to a millisecond."""
    with contextlib.suppress(AttributeError):  # Not with musl, which keeps little.
        _libc.malloc_trim(0)
