"""The values of session timers, as peers write them; what is done with them is in tests/sim/test_session_timers.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call import timer
from softswitch.call.board import Policy
from softswitch.effects import Flow
from softswitch.sip.message import Message, parse

FLOW = Flow("udp", "198.51.100.7", 5060)


def message(*lines: str) -> Message:
    text = (
        "INVITE sip:bob@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nFrom: <sip:anna@pbx.test>;tag=a\r\n"
        "To: <sip:bob@pbx.test>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
        + "".join(f"{line}\r\n" for line in lines)
        + "\r\n"
    )
    return parse(text.encode("latin-1"), FLOW)


@pytest.mark.parametrize(
    "value, seconds, refresher",
    [
        ("1800", 1_800, ""),
        ("1800;refresher=uac", 1_800, "uac"),
        ("90 ; Refresher = UAS ;x=y", 90, "uas"),
        ("90;x;refresher=both", 90, ""),
        ("", 0, ""),
        ("abc;refresher=uas", 0, "uas"),
        ("1_000", 0, ""),
        ("\xb2", 0, ""),
        ("-5", 0, ""),
        ("4294967296", 0, ""),
        ("99999999999999", 0, ""),
    ],
)
def test_session_expires(value: str, seconds: int, refresher: str) -> None:
    assert timer._session_expires(message(f"Session-Expires: {value}")) == (seconds, refresher)
    assert timer._session_expires(message(f"x: {value}")) == (seconds, refresher), "the compact form"


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40))
def test_whatever_is_written_is_a_value_or_none(value: str) -> None:
    try:
        found = message(f"Session-Expires: {value}", f"Min-SE: {value}", "Supported: timer")
    except Exception:
        return  # The message as a whole is none; that is decided, and tested, elsewhere.
    seconds, refresher = timer._session_expires(found)
    assert 0 <= seconds < 2**32 and refresher in ("", "uac", "uas")
    assert timer.too_short(Policy(), found) in ("", "Min-SE: 90\r\n")


@pytest.mark.parametrize(
    "lines, refused",
    [
        (("Session-Expires: 89", "Supported: timer"), True),
        (("Session-Expires: 89", "Require: timer"), True),
        (("Session-Expires: 90", "Supported: timer"), False),
        (("Session-Expires: 89",), False),
        (("Session-Expires: 0", "Supported: timer"), False),
        (("Supported: timer",), False),
    ],
)
def test_too_short(lines: tuple[str, ...], refused: bool) -> None:
    assert bool(timer.too_short(Policy(), message(*lines))) is refused
    assert timer.too_short(Policy(session_expires=0), message(*lines)) == ""
