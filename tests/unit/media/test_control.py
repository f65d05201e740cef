"""Records of commands and events: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import control
from media.control import MAX_RECORD, Bridge, Command, Load, Open, Play, RecordError, WorkerEvent, decode, encode

CLASSES = [*get_args(Command), *get_args(WorkerEvent)]
VALUES = {
    "int": st.integers(-(1 << 63), (1 << 63) - 1),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "str": st.text(max_size=40),
    "tuple[str, ...]": st.lists(st.text(max_size=20), max_size=5).map(tuple),
}


def instances(cls: type) -> st.SearchStrategy[Any]:
    return st.builds(cls, **{field.name: VALUES[str(field.type)] for field in fields(cls)})


@given(st.one_of(*map(instances, CLASSES)))
def test_every_value_survives(value: Command | WorkerEvent) -> None:
    assert decode(encode(value)) == value


def test_every_class_has_a_kind() -> None:
    assert set(control._LAYOUT_OF) == set(CLASSES)


def test_a_file_name_that_is_not_unicode_survives() -> None:
    load = Load("greeting", b"/prompts/\xff.wav".decode("utf-8", "surrogateescape"))
    assert decode(encode(load)) == load


def test_records_are_small() -> None:
    assert len(encode(Bridge(1, 2))) == 18
    assert len(encode(Open(1, "192.0.2.1", 4000, "PCMU", 0))) < 192


@pytest.mark.parametrize("value", [Bridge(1 << 63, 2), Load("x" * 70_000, ""), Play(1, 1, ("x" * 1000,) * 61)])
def test_what_does_not_fit_is_refused(value: Command) -> None:
    with pytest.raises(RecordError):
        encode(value)


def test_many_clips_fit() -> None:
    play = Play(1, 1, ("n" * 50,) * 1000)
    assert len(encode(play)) < MAX_RECORD
    assert decode(encode(play)) == play


@given(st.binary(max_size=200))
def test_garbage_is_refused(record: bytes) -> None:
    try:
        value = decode(record)
    except RecordError:
        return
    assert encode(value) == record  # Chance made a real one.


@given(st.data())
def test_a_damaged_record_is_refused_or_another_value(data: st.DataObject) -> None:
    record = bytearray(encode(data.draw(st.one_of(*map(instances, CLASSES)))))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(RecordError):
        decode(bytes(record))


def test_another_version_is_refused() -> None:
    record = bytearray(encode(Bridge(1, 2)))
    record[1] += 1
    with pytest.raises(RecordError, match="version 3, expected 2"):
        decode(bytes(record))
