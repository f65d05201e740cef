"""Fixtures of the tests of the pages: the bundle, a browser, and people who have logged in.

PAGE_SHOTS names a folder for the screenshots; without it they go where pytest keeps what tests leave behind.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from softswitch.web import build

from ..lab import Lab
from ..sipharness import audio
from ..sipharness.chromium import Chromium
from .surfer import Surfer

VOICE_SEED = 7  # of what the browser's microphone says
PASSWORD = "a password for tests"

LogIn = Callable[..., Surfer]


@pytest.fixture(scope="session")
def bundle() -> None:
    """The pages as they are in the sources."""
    build.build()


@pytest.fixture(scope="module")
def chromium(lab: Lab, bundle: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose microphone speaks babble of VOICE_SEED, and who trusts the lab's certificate."""
    microphone = tmp_path_factory.mktemp("chromium") / "microphone.wav"
    audio.write_wav(microphone, audio.resample(audio.babble(30, seed=VOICE_SEED), 8000, 48_000), 48_000)
    with Chromium(microphone, lab.facts["certificate"]) as browser:
        yield browser


@pytest.fixture
def shots(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder for the screenshots of a test."""
    named = os.environ.get("PAGE_SHOTS")
    return Path(named) / re.sub(r"\W+", "-", request.node.name) if named else tmp_path / "shots"


def make_user(lab: Lab, name: str, role: str, *options: str) -> None:
    """Let somebody log in with PASSWORD, unless they can already."""
    command = [sys.executable, "-m", "softswitch", "user", "add", name, "--role", role, *options, "--password-stdin"]
    done = subprocess.run(
        command, input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "SOFTSWITCH_CONFIG": str(lab.directory)},
    )  # fmt: skip
    assert done.returncode == 0 or "exists" in done.stderr, done.stderr


@pytest.fixture
def page(lab: Lab, chromium: Chromium, shots: Path) -> Iterator[LogIn]:
    """`page("agent", agent="agent-2000")`: a page in which somebody with this role has logged in; "" for nobody.

    No script of a page may fail, and the policy of the pages may have nothing to stop.
    """
    surfers: list[Surfer] = []

    def start(role: str = "", address: str = "/", *, name: str = "", language: str = "en", **options: str) -> Surfer:
        """`options`: of `softswitch user add`: agent, account, queue, title."""
        surfer = Surfer(chromium, f"http://127.0.0.1:{lab.http_port}", shots)
        surfers.append(surfer)
        surfer.open(address)
        surfer.language(language)
        if role:
            name = name or f"{role}-{options.get('agent', options.get('queue', 'all')).replace('*', 'all')}"
            make_user(lab, name, role, *(word for key, value in options.items() for word in (f"--{key}", value)))
            surfer.log_in(name, PASSWORD, address)
        return surfer

    yield start
    troubles = [trouble for surfer in surfers for trouble in surfer.troubles]
    for surfer in surfers:
        surfer.close()
    assert troubles == []
