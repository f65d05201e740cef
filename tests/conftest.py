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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_shared: reads the reference corpora beside the checkout")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
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
