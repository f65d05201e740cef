from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import Running


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A switch for tests that leave it as they found it."""
    running = Running(tmp_path_factory.mktemp("switch"))
    try:
        running.start()
        yield running
    finally:
        running.close()
    assert "Traceback" not in running.log()


@pytest.fixture
def own_switch(tmp_path: Path) -> Iterator[Running]:
    """A switch that the test may stop and kill."""
    running = Running(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.close()
    assert "Traceback" not in running.log()
