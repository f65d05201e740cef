"""Programs that look for weak switches, against the lab: they learn nothing and are soon not listened to; phones stay."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import StartWirePhone
from .lab import Lab

LAB = {"accounts": 20, "agents": 1, "tiers": 1}


def scan(tool: str, *arguments: object) -> str:
    """Run one of SIPVicious's tools; what it printed."""
    program = Path(sys.executable).parent / f"sipvicious_{tool}"
    ended = subprocess.run(
        list(map(str, (program, *arguments))), capture_output=True, text=True, timeout=90, check=False, cwd="/tmp"
    )
    return ended.stdout + ended.stderr


def banned(lab: Lab) -> bool:
    """Whether a scanner was caught by its name."""
    return any("friendly-scanner" in one["reason"] for one in lab.command("bans"))


@pytest.fixture
def clean(lab: Lab) -> None:
    """No ban is left of an earlier test."""
    lab.command("bans", "remove", "--all")


async def test_the_map_of_switches_stays_empty(lab: Lab, clean: None, wirephone: StartWirePhone) -> None:
    phone = await wirephone(lab.account(0))
    said = await asyncio.to_thread(scan, "svmap", "-p", lab.port, "127.0.0.1")
    assert f"127.0.0.1:{lab.port}" not in said.replace(" ", "")
    assert banned(lab)
    await phone.register(60)


async def test_the_war_dialler_finds_no_extension(lab: Lab, clean: None, wirephone: StartWirePhone) -> None:
    phone = await wirephone(lab.account(1))
    said = await asyncio.to_thread(scan, "svwar", "-e", "1000-1010", "-p", lab.port, "127.0.0.1", "-m", "REGISTER")
    assert "reqauth" not in said and "noauth" not in said
    assert banned(lab)
    await phone.register(60)


async def test_the_password_cracker_is_banned_although_the_password_is_in_its_list(
    lab: Lab, clean: None, tmp_path: Path, wirephone: StartWirePhone
) -> None:
    target = lab.account(2)
    phone = await wirephone(target)
    words = tmp_path / "words"
    words.write_text("\n".join([*(f"secret{number}" for number in range(60)), target.password]) + "\n")
    said = await asyncio.to_thread(scan, "svcrack", "-u", target.user, "-d", words, "-p", lab.port, "127.0.0.1")
    assert target.password not in said
    assert banned(lab)
    await phone.register(60)
    other = await wirephone(lab.account(3))
    call = other.call(target.user)
    await phone.next_call()
    await call.hang_up()


async def test_wrong_passwords_end_in_a_ban_that_can_be_lifted(
    lab: Lab, clean: None, wirephone: StartWirePhone
) -> None:
    guesser = await wirephone(lab.account(4), register=False)
    right, guesser.password = guesser.password, "wrong"
    for _ in range(60):
        try:
            async with asyncio.timeout(1.0):
                await guesser.register(60)
        except TimeoutError:
            break  # nobody listens any more
        except RuntimeError:
            continue
    else:
        pytest.fail("no ban came")
    (ban,) = lab.command("bans")
    assert ban["source"] == f"127.0.0.1:{guesser.local[1]}"
    assert ban["reason"] == "wrong passwords"
    phone = await wirephone(lab.account(5))  # another socket of this machine
    assert phone.registered
    assert lab.command("bans", "remove", ban["source"]) == {"lifted": 1}
    guesser.password = right
    # Listened to again; the guesses themselves are forgiven more slowly.
    with pytest.raises(RuntimeError, match="403"):
        await guesser.register(60)
