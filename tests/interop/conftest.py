"""Fixtures of the tests with real clients: a running lab switch, and phones that are stopped whatever happens.

A test module says in `LAB` what switch it needs; the switch lives as long as the module.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .lab import Lab
from .sipharness import Account, audio
from .sipharness.baresip import Baresip
from .sipharness.linphone import Linphone
from .wirephone import WirePhone

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"

# The share of what was said that must be recognised. A loaded machine makes a softphone stumble now and then; that no
# packet was lost by the switch is asserted by the packets.
HEARD = 0.7

StartBaresip = Callable[..., Baresip]
StartLinphone = Callable[..., Linphone]
StartWirePhone = Callable[..., Awaitable[WirePhone]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running switch. At the end it must stop on SIGTERM, with status 0 and no traceback in its log."""
    switch = Lab(tmp_path_factory.mktemp("lab"), **request.module.LAB)
    try:
        switch.start()
        yield switch
        switch.stop()
    finally:
        switch.kill()


@pytest.fixture(autouse=True)
def healthy(request: pytest.FixtureRequest) -> Iterator[None]:
    """A traceback in the switch's log is the failure of the test that caused it."""
    yield
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").assert_healthy()


@pytest.fixture
def baresip(tmp_path: Path) -> Iterator[StartBaresip]:
    """`baresip(account, seed=1)`: a running, registered baresip that speaks babble of that seed."""
    with contextlib.ExitStack() as stack:

        def start(account: Account, *, seed: int = 1, **options: Any) -> Baresip:
            play = audio.babble_wav(tmp_path / f"{account.user}-{seed}.wav", seed=seed)
            phone = stack.enter_context(Baresip(account, play=play, **options))
            if account.server is not None:
                phone.wait_registered()
            return phone

        yield start


@pytest.fixture
def linphone(tmp_path: Path) -> Iterator[StartLinphone]:
    """`linphone(account, seed=1)`: a running, registered Linphone that speaks babble of that seed."""
    with contextlib.ExitStack() as stack:

        def start(account: Account, *, seed: int = 1, **options: Any) -> Linphone:
            play = audio.babble_wav(tmp_path / f"{account.user}-{seed}.wav", seed=seed)
            phone = stack.enter_context(Linphone(account, play=play, **options))
            phone.wait_registered()
            return phone

        yield start


@pytest.fixture
async def wirephone() -> AsyncIterator[StartWirePhone]:
    """`await wirephone(account)`: a started phone, registered unless told otherwise. Nothing unexpected may reach it."""
    phones: list[WirePhone] = []

    async def start(account: Account, *, register: bool = True) -> WirePhone:
        server = account.server or "127.0.0.1", account.port
        phone = WirePhone(account.user, account.password, server, account.host, account.transport)
        phone.certificate = account.certificate
        phones.append(phone)
        await phone.start()
        if register:
            await phone.register(account.expires)
        phone.registered = register
        return phone

    yield start
    await asyncio.gather(*(phone.leave() for phone in phones), return_exceptions=True)
    assert {phone.user: phone.unexpected for phone in phones if phone.unexpected} == {}


@pytest.fixture(scope="session")
def greeting() -> audio.Signal:
    """The Polish welcome, as a telephone carries it."""
    return audio.load(PROMPTS / "pl" / "welcome.wav")


@pytest.fixture(scope="session")
def music() -> audio.Signal:
    """All music on hold, one piece after the other."""
    return np.concatenate([audio.load(path) for path in sorted((PROMPTS / "moh").glob("*.wav"))])
