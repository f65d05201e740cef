"""The unit for systemd: by its own tool it is sound, and exposes little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from softswitch.config import load_config
from softswitch.unit_file import unit_file

NEEDED = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def made(tmp_path: Path, **overrides: object) -> str:
    config = load_config(
        None, environ={}, overrides={one.replace("__", "."): value for one, value in overrides.items()}
    )
    return unit_file(config, tmp_path / "my pbx", Path("/opt/softswitch/bin/softswitch"), "softswitch")


def test_it_drains_for_as_long_as_the_switch_and_leaves_the_media_alone(tmp_path: Path) -> None:
    text = made(tmp_path, shutdown__drain_seconds=600)
    assert "TimeoutStopSec=630" in text and "KillMode=process" in text and "Type=notify" in text
    assert f'serve --config "{tmp_path}/my pbx"' in text


def test_capabilities_are_those_that_the_settings_need(tmp_path: Path) -> None:
    assert "\nCapabilityBoundingSet=\n" in made(tmp_path)
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n" in made(tmp_path, http__listen="127.0.0.1:443")
    assert "CAP_BPF" in made(tmp_path, media__relay="tcx")


@NEEDED
def test_systemd_finds_little_to_say_against_it(tmp_path: Path) -> None:
    unit = tmp_path / "softswitch.service"
    unit.write_text(made(tmp_path))
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False
    ).stdout
    exposure = re.search(r"exposure level for softswitch.service: ([0-9.]+)", said)
    assert exposure is not None and float(exposure[1]) < 3.0, said
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    ).stderr
    assert "Unknown" not in verified and "Failed to parse" not in verified, verified
