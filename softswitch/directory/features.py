"""What is dialled, or typed during a call, to order something: feature codes and call codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

# Order -> what is typed for it during a conversation; "" = nothing (XFR-05). *1 and *2 are those of recordings.
DEFAULT_CALL_CODES: Mapping[str, str] = MappingProxyType(
    {"blind": "##", "attended": "*4", "abort": "*0", "swap": "*5", "merge": "*6", "escalate": "*9"}
)


@dataclass(slots=True, frozen=True)
class Feature:
    """What an action of a feature code takes behind the code. `begins`: the characters that it may begin with."""

    argument: str = ""  # a regular expression of what is dialled behind the code
    begins: str = ""
    meaning: str = ""


_DIGITS = "0123456789"
_NUMBER = r"(?P<number>[0-9A-Za-z+][0-9A-Za-z+._-]{0,63})"
_TO_NUMBER = Feature(rf"{_NUMBER}", _DIGITS + "+")
_IN_QUEUE = Feature(rf"(?:\*{_NUMBER})?", "*")
_FORWARD = Feature(rf"(?:\*?{_NUMBER})?#?", _DIGITS + "+*#")
_CANCEL = Feature("#?", "#")

FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "agent.login": replace(_IN_QUEUE, meaning="agent: log in and be ready; with `*` and a queue's number, in it only"),
        "agent.logout": replace(_IN_QUEUE, meaning="agent: log out; with `*` and a queue's number, of it only"),
        "agent.not_ready": Feature(
            rf"(?P<reason>[1-9]?)(?:\*{_NUMBER})?", "123456789*",
            "agent: not ready, with the digit of a reason; with `*` and a queue's number, for it only",
        ),
        "agent.ready": replace(_IN_QUEUE, meaning="agent: ready; with `*` and a queue's number, for it only"),
        "agent.end_wrap_up": Feature(meaning="agent: end the wrap-up now"),
        "agent.disposition": Feature(
            r"(?P<code>[0-9]{1,4})", _DIGITS, "agent: what the last call was about, by the `key` of a disposition"
        ),
        "forward.always": replace(_FORWARD, meaning="forward all calls to a number; without one: off, or on as it was"),
        "forward.busy": replace(_FORWARD, meaning="the same, for calls while the phone is busy"),
        "forward.no_answer": replace(_FORWARD, meaning="the same, for calls that nobody answers"),
        "forward.unreachable": replace(_FORWARD, meaning="the same, for calls while the phone cannot be reached"),
        "forward_off.always": replace(_CANCEL, meaning="no longer forward all calls"),
        "forward_off.busy": replace(_CANCEL, meaning="no longer forward when busy"),
        "forward_off.no_answer": replace(_CANCEL, meaning="no longer forward when nobody answers"),
        "forward_off.unreachable": replace(_CANCEL, meaning="no longer forward when the phone cannot be reached"),
        "forward_off.all": replace(_CANCEL, meaning="no forwarding at all"),
        "dnd.toggle": Feature(meaning="do not disturb: on, or off again"),
        "dnd.on": Feature(meaning="do not disturb"),
        "dnd.off": Feature(meaning="calls ring again"),
        "call_waiting.off": Feature(meaning="a second call is busy from now on"),
        "call_waiting.on": Feature(meaning="a second call rings again"),
        "call_waiting.pause": replace(_TO_NUMBER, meaning="call a number; nobody else rings in meanwhile"),
        "pickup.group": Feature(meaning="answer a phone that rings in the own pickup group"),
        "pickup.directed": replace(_TO_NUMBER, meaning="answer the phone of that number"),
        "park": Feature(meaning="park the call that is on hold; the place is said"),
        "redial": Feature(meaning="call the number again that was called last"),
        "call_return": Feature(meaning="hear who called last, and call back with 1"),
        "caller_id.hide": replace(_TO_NUMBER, meaning="call a number without showing one's own"),
        "intercom": replace(_TO_NUMBER, meaning="call a phone that answers by itself"),
        "echo": Feature(meaning="hear oneself"),
        "music": Feature(meaning="music"),
        "supervise.listen": replace(_TO_NUMBER, meaning="supervisor: listen to a phone"),
        "supervise.whisper": replace(_TO_NUMBER, meaning="supervisor: listen, and be heard by that phone only"),
        "supervise.barge": replace(_TO_NUMBER, meaning="supervisor: talk with both sides"),
        "voicemail.own": Feature(meaning="the mailbox of the phone"),
        "voicemail.any": Feature(rf"(?:{_NUMBER})?", _DIGITS, "any mailbox: asks for its number, or followed by it"),
        "voicemail.leave": replace(_TO_NUMBER, meaning="leave a message for a number"),
    }
)  # fmt: skip


# Actions that a site gives a code of its own, for they name something of it: "hours.toggle:office".
NAMED_FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "hours.toggle:NAME": Feature(
            meaning="opening hours NAME: the opposite of what they say now, or as they say again"
        ),
        "hours.open:NAME": Feature(meaning="opening hours NAME: open, or as they say again"),
        "hours.closed:NAME": Feature(meaning="opening hours NAME: closed, or as they say again"),
        "hours.auto:NAME": Feature(meaning="opening hours NAME: as they say"),
        "outage.toggle:NAME": Feature(meaning="the announcement NAME: on, or off again"),
    }
)


def feature_of(action: str) -> Feature | None:
    """What an action of a feature code takes; those that end in ":NAME" are written with the name of something of the site."""
    kind, colon, _ = action.partition(":")
    return NAMED_FEATURES.get(f"{kind}:NAME") if colon else FEATURES.get(action)


# What is dialled -> action.
DEFAULT_FEATURE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "*30": "agent.login",
        "*31": "agent.logout",
        "*32": "agent.not_ready",
        "*33": "agent.ready",
        "*34": "agent.end_wrap_up",
        "*35": "agent.disposition",
        "*43": "echo",
        "*44": "music",
        "*55": "supervise.listen",
        "*56": "supervise.whisper",
        "*57": "supervise.barge",
        "*97": "voicemail.own",
        "*98": "voicemail.any",
        "*99": "voicemail.leave",
        "*21": "forward.always",
        "*67": "forward.busy",
        "*61": "forward.no_answer",
        "*62": "forward.unreachable",
        "#21": "forward_off.always",
        "#67": "forward_off.busy",
        "#61": "forward_off.no_answer",
        "#62": "forward_off.unreachable",
        "#002": "forward_off.all",
        "*76": "dnd.toggle",
        "*78": "dnd.on",
        "*79": "dnd.off",
        "*70": "call_waiting.pause",
        "*71": "call_waiting.off",
        "*72": "call_waiting.on",
        "*8": "pickup.group",
        "**": "pickup.directed",
        "*68": "park",
        "*66": "redial",
        "*69": "call_return",
        "#31#": "caller_id.hide",
        "*81": "caller_id.hide",
        "*80": "intercom",
    }
)
