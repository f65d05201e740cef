"""A file for one leg: heard whole or from a place in it, and gone from memory afterwards."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from media import g711
from media.bank import Bank, Span
from media.control import Close, Load, PlayDone, PlayFile, Tone
from media.g711 import Law, encode_both
from media.library import prepare
from tests.unit.media.twins import World, audio

CLIP = (9000 * np.sin(np.arange(16_000) * 2 * np.pi * 300 / 8000) + np.arange(16_000) % 512).astype(np.int16)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "message.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(CLIP.tobytes())
    return str(path)


def read(world: World) -> None:
    """What the worker's thread does."""
    while world.loads:
        load = world.loads.pop(0)
        assert isinstance(load, Load)
        world.engine.loaded(prepare(load.name, load.path, False), world.now)


def said(world: World, leg: int) -> np.ndarray:
    return g711.decode(np.frombuffer(b"".join(one.payload for one in world.network.packets(leg)), np.uint8), Law.MU)


def done(world: World) -> list[tuple[int, str]]:
    return [(one.play, one.cause) for one in world.events() if isinstance(one, PlayDone)]


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_a_file_is_heard_and_leaves_no_trace(file: str, offset: float) -> None:
    world = World()
    world.open(0)
    used = world.bank.used
    world.do(PlayFile(0, 5, file, offset))
    read(world)
    world.pass_time(2.5)
    expected = g711.decode(g711.encode(CLIP, Law.MU), Law.MU)[int(8000 * offset) :]
    assert (said(world, 0)[: len(expected)] == expected).all()
    assert done(world) == [(5, "end")]
    assert world.bank.used == used and world.engine.library.clip("\0000/5") is None


def test_two_hear_the_same_file_each_at_their_own_time(file: str) -> None:
    world = World()
    world.open(0, 1)
    used = world.bank.used
    world.do(PlayFile(0, 5, file))
    read(world)
    world.pass_time(1.0)
    world.do(PlayFile(1, 6, file))
    read(world)
    world.pass_time(1.5)
    assert done(world) == [(5, "end")]
    world.do(Tone(1, "hold"))
    assert done(world) == [(6, "replaced")]
    world.do(PlayFile(0, 7, file))
    world.do(Close(0))
    read(world)  # Nobody waits for it any more.
    assert done(world) == [(7, "replaced")]
    assert not world.engine.library._clips
    room = sum(end - start for start, end in world.bank._free)
    assert world.bank.used - room == used + world.engine.library.hold.end - world.engine.library.hold.start + 480


def test_a_key_ends_it(file: str) -> None:
    world = World()
    world.open(0)
    used = world.bank.used
    world.do(PlayFile(0, 5, file, until_digit=True))
    read(world)
    world.pass_time(0.5)
    world.arrive(0, audio(1, 160, kind=101, payload=bytes((5, 10, 0, 160))))
    world.pass_time(0.1)
    assert done(world) == [(5, "digit")] and world.bank.used == used


def test_a_file_that_is_not_there_is_told() -> None:
    world = World()
    world.open(0)
    world.do(PlayFile(0, 5, "/nowhere/message.wav"))
    read(world)
    assert done(world) == [(5, "missing")]


def test_another_codec_is_coded_and_forgotten(file: str) -> None:
    world = World()
    world.open(0, codec="G722", clock=8000)
    world.do(PlayFile(0, 5, file))
    read(world)
    world.pass_time(0.1)
    (coding,) = world.codings[-1:]
    world.code()
    world.pass_time(2.6)
    assert done(world) == [(5, "end")] and coding.cancelled
    start = coding.start
    assert not world.bank._there[2, start // 160]
    for piece in coding.pieces():
        raise AssertionError(piece)


def test_released_room_is_used_again() -> None:
    bank = Bank(1 << 17)
    spans = [bank.add(encode_both(CLIP[:length])) for length in (1600, 3200, 1600, 800)]
    used = bank.used
    bank.release(spans[1])
    assert bank.used == used
    again = bank.add(encode_both(CLIP[:3000]))
    assert again.start == spans[1].start and bank.used == used
    bank.release(spans[0])
    bank.release(again)
    bank.release(spans[2])
    assert bank._free == [(spans[0].start, spans[3].start)]
    bank.release(spans[3])
    assert bank._free == [] and bank.used == spans[0].start
    bank.release(Span(0, 0))
