"""Objects as JSON values and back."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.control import Open
from softswitch.call.revival import DAMAGED
from softswitch.effects import Flow
from softswitch.packing import CLASS, PackingError, pack, pack_fields, unpack, unpack_fields, unpack_into
from softswitch.sip.binding import Binding
from softswitch.sip.dialog import Dialog, DialogState


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def again(value: Any) -> Any:
    return unpack(through_json(pack(value)))


FLOW = Flow("udp", "192.0.2.7", 5060, 1)
DIALOG = Dialog("c", "l", "r", "<sip:a@x>", "<sip:b@x>", 3, -1, "sip:b@192.0.2.7", ("<sip:p;lr>",), FLOW)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 7, -1.5, "", "zażółć", (), (1, ("a", None)), {"a": (1, 2)}, b"\x00\xff", {"x", "y"}, FLOW, DIALOG,
        DialogState.CONFIRMED, Binding("a", "sip:a@x", FLOW, 10.0, "c", 1), Open(1, "192.0.2.1", 4000, "PCMA", 8),
        (FLOW, [DIALOG]),
    ],
)  # fmt: skip
def test_what_is_packed_is_unpacked(value: Any) -> None:
    found = again(value)
    assert found == _tuples(value)
    assert type(found) is type(_tuples(value))


def _tuples(value: Any) -> Any:
    """Lists come back as tuples."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return tuple(map(_tuples, value)) if type(value) is tuple else value


def test_what_has_its_default_is_left_out() -> None:
    packed = pack_fields(Open(1, "192.0.2.1", 4000, "PCMA", 8, ptime=20, receive_type=-1, timeout=5.0))
    assert packed == {
        "leg": 1, "host": "192.0.2.1", "port": 4000, "codec": "PCMA", "payload_type": 8, "timeout": 5.0,
    }  # fmt: skip


def test_fields_can_be_left_out_on_purpose() -> None:
    packed = pack_fields(DIALOG, frozenset({"flow", "call_id"}))
    assert "flow" not in packed and "call_id" not in packed and packed["local_tag"] == "l"


def test_a_fresh_object_takes_what_was_kept_and_keeps_the_rest() -> None:
    fresh = Dialog("new", "", "", "", "", 0, 0, "", (), FLOW)
    unpack_into(fresh, through_json(pack_fields(DIALOG, frozenset({"call_id"}))) | {"unheard_of": 1})
    assert fresh.call_id == "new" and fresh.route_set == ("<sip:p;lr>",) and fresh.local_cseq == 3


def test_another_version_is_read_as_far_as_it_goes() -> None:
    packed = through_json(pack(DIALOG))
    packed["a_field_of_the_future"] = {CLASS: "softswitch.future:Thing"}
    del packed["a_field_of_the_future"]
    packed["unknown"] = 1
    assert unpack(packed) == DIALOG
    del packed["call_id"]
    with pytest.raises(PackingError):
        unpack(packed)


@pytest.mark.parametrize(
    "name", ["os:system", "softswitch.errors:nothing", "softswitch.packing:json", "builtins:dict", "softswitch.nowhere:X", ""]
)
def test_only_classes_of_ours_come_out(name: str) -> None:
    with pytest.raises(PackingError):
        unpack({CLASS: name})


def test_a_class_that_cannot_be_told_by_its_fields_does_not_come_out() -> None:
    with pytest.raises(PackingError):
        unpack({CLASS: "softswitch.sip.endpoint:Endpoint"})


@dataclass
class Foreign:
    number: int = 1
    more: list[int] = field(default_factory=list)


@pytest.mark.parametrize("value", [Foreign(), object(), lambda: None, (1, Foreign())])
def test_what_is_not_ours_is_not_packed(value: Any) -> None:
    with pytest.raises(PackingError):
        pack(value)


def test_fields_of_something_else_than_a_dataclass() -> None:
    with pytest.raises(PackingError):
        unpack_fields(Flow, {})


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
names = st.text(max_size=8).filter(lambda name: not name.startswith("$"))
values = st.recursive(
    plain | st.binary(), lambda inner: st.lists(inner).map(tuple) | st.dictionaries(names, inner), max_leaves=12
)


@given(values)
def test_whatever_is_plain(value: Any) -> None:
    assert again(value) == value


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12))
def test_damaged_data_is_taken_for_damaged(value: Any) -> None:
    with contextlib.suppress(*DAMAGED):
        unpack(value)
