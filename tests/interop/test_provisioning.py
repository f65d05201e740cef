"""A Linphone that knows nothing but a link: it fetches its account, registers by the digests in it, and calls."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

import pytest

from .conftest import StartLinphone, StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.listening import hear

LAB = {"accounts": 10, "agents": 1, "tiers": 1}
VOICE = audio.babble(30, seed=1)


@pytest.mark.parametrize(("number", "transport"), [(0, "udp"), (2, "tcp")])
async def test_a_linphone_sets_itself_up_by_a_link(
    lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone, number: int, transport: str
) -> None:
    account = lab.account(number, transport=transport)
    made = await asyncio.to_thread(lab.command, "account", "settings", account.user, "--link", "--transport", transport)
    assert made["url"].startswith(f"http://127.0.0.1:{lab.http_port}/provision/") and "<svg" in made["qr"]
    phone = await asyncio.to_thread(linphone, account, provisioning=made["url"], auto_answer=True, seed=1)
    other = await wirephone(lab.account(number + 1))
    other.voice = audio.babble(3, seed=2)
    call = other.call(account.user)
    await call.answered()
    await asyncio.to_thread(hear, (VOICE, call.media.heard))
    await call.hang_up()
    await phone.soon("closed")
    with pytest.raises(urllib.error.HTTPError) as again:
        await asyncio.to_thread(urllib.request.urlopen, made["url"])
    assert again.value.code == 404, "whoever finds the link afterwards finds nothing"
