"""Who calls, told across the border of the trust domain (RFC 3323, 3325, 5806, 7044; SIG-23).

Inwards: a provider that the site trusts vouches for its callers; from anybody else only From is taken. Phones are never
believed: their P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info stay behind, and P-Preferred-Identity
chooses among the numbers that the site gives the account. Outwards: a number that is ours, or that of the caller who is put
through if the trunk takes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from softswitch.call.dialplan import shown
from softswitch.call.headers import ANONYMOUS, Diversion, anonymous, diversion_lines, party
from softswitch.errors import ParseError
from softswitch.numbers import normalise
from softswitch.sip.grammar import from_wire, quote, to_wire
from softswitch.sip.headers import header_list
from softswitch.sip.uri import Address, escape_user, unescape, uri_user

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.directory import Account, Directory
    from softswitch.outside import Trunk
    from softswitch.sip.message import Message

MAX_NAME: Final = 64  # characters of a name or number that comes from outside
MAX_DIVERSIONS: Final = 10
NOBODY: Final = "anonymous"
# RFC 5806 reason -> the cause of a Reason header in History-Info (RFC 4458).
CAUSES: Final = {
    "unconditional": 302, "user-busy": 486, "no-answer": 408, "unavailable": 404, "deflection": 480, "time-of-day": 302,
    "follow-me": 302,
}  # fmt: skip
REASONS: Final = {
    302: "unconditional",
    486: "user-busy",
    408: "no-answer",
    404: "unavailable",
    503: "unavailable",
    480: "deflection",
}


class Caller(NamedTuple):
    """A caller from outside. `number` is normalised where it can be; "anonymous" if they do not want to be shown."""

    number: str
    name: str
    hidden: bool


# --- inwards ---------------------------------------------------------------------------------------------------------


def caller_of(message: Message, trunk: Trunk, country: str) -> Caller:
    """Who calls by a trunk."""
    value, hidden = message.header("from"), anonymous(message)
    if trunk.trusted:
        asserted = _first(message, "p-asserted-identity")
        legacy = _first(message, "remote-party-id")
        if asserted:
            value = asserted
        elif legacy:
            value = legacy
            hidden = hidden or _parameter(legacy, "privacy") in ("full", "uri", "name")
    number, name = _who(value, trunk.country or country)
    if not number or number.lower() == NOBODY:
        hidden = True
    if hidden:
        return Caller(NOBODY, "", True)
    return Caller(number, "" if name == number else name, False)


def _first(message: Message, name: str) -> str:
    try:
        values = header_list(message, name)
    except ParseError:
        return ""
    return next((value for value in values if value.partition("<")[2][:3] in ("sip", "tel") or ":" in value), "")


def _parameter(value: str, name: str) -> str:
    try:
        return Address.parse(value).parameters.get(name, "").lower()
    except ParseError:
        return ""


def _who(value: str, country: str) -> tuple[str, str]:
    """Number and name of a name-addr."""
    try:
        address = Address.parse(value)
    except ParseError:
        return "", ""
    user = from_wire(unescape(uri_user(address.uri))).partition(";")[0][:MAX_NAME]
    return normalise(user, country) or user, _plain(from_wire(address.display))


def _plain(name: str) -> str:
    """A name without what is no text."""
    return "".join(char for char in name if char.isprintable())[:MAX_NAME].strip()


def diversions_of(message: Message, trunk: Trunk, country: str) -> tuple[Diversion, ...]:
    """By whom a call from a trusted trunk was led on before it came to us, the latest last."""
    if not trunk.trusted:
        return ()
    home = trunk.country or country
    found: list[Diversion] = []
    try:
        for value in header_list(message, "diversion")[:MAX_DIVERSIONS]:  # RFC 5806: the latest first
            reason = _parameter(value, "reason").strip('"')
            found.insert(0, Diversion(_who(value, home)[0], reason if reason in CAUSES else "unconditional"))
        if not found:
            entries = header_list(message, "history-info")[:MAX_DIVERSIONS]
            for entry, following in pairwise(entries):
                found.append(Diversion(_who(entry, home)[0], _history_reason(following)))
    except ParseError:
        return ()
    return tuple(one for one in found if one.number)


def _history_reason(entry: str) -> str:
    _, _, escaped = entry.partition("?")
    cause = unescape(escaped.partition(">")[0]).lower().partition("cause=")[2][:3]
    return REASONS.get(int(cause), "unconditional") if cause.isascii() and cause.isdigit() else "unconditional"


def preferred(message: Message, account: Account, country: str) -> str:
    """The number that a phone asks to be shown, if its account has it; "" = none."""
    value = _first(message, "p-preferred-identity") if account.numbers else ""
    if not value:
        return ""
    wanted = _who(value, country)[0]
    return next((one for one in (account.number, *account.numbers) if one and normalise(one, country) == wanted), "")


# --- outwards --------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """How a call is told to a trunk: the From value, and header lines."""

    from_: str
    lines: str


def tell(call: Call, trunk: Trunk, domain: str, number: str) -> Shown:
    """The identity headers of a call that goes out by a trunk to `number`."""
    directory = call.board.directory
    country = directory.country
    name, own = _outward(call, trunk, directory)
    own = shown(own, trunk, country) or trunk.user or NOBODY
    asserted = _address(name, own, domain)
    lines = f"Privacy: {'id' if call.hidden else 'none'}\r\n" if call.hidden else ""
    if trunk.identity in ("pai", "both") and own != NOBODY:
        lines += f"P-Asserted-Identity: {asserted}\r\n"
    if trunk.identity in ("rpid", "both") and own != NOBODY:
        lines += f"Remote-Party-ID: {asserted};party=calling;privacy={'full' if call.hidden else 'off'};screen=yes\r\n"
    diverted = tuple([Diversion(_public(one.number, trunk, directory), one.reason) for one in led_by(call)])
    if trunk.diversion in ("diversion", "both"):
        lines += diversion_lines(diverted, domain)
    if trunk.diversion in ("history-info", "both"):
        lines += history_lines(diverted, number, domain)
    return Shown(ANONYMOUS if call.hidden else party(name, own, domain), lines)


def _outward(call: Call, trunk: Trunk, directory: Directory) -> tuple[str, str]:
    """(name, number) that are shown: the caller's, or those of whoever pays."""
    country = directory.country
    if not call.account.user:  # A caller from outside, put through to outside.
        if trunk.clip_no_screening and not call.hidden and call.caller_number.startswith("+"):
            return call.caller_name, call.caller_number
        return "", _number(call.authority, trunk, country)
    return call.caller_name, normalise(call.shows, country) or _number(call.account, trunk, country)


def _number(account: Account, trunk: Trunk, country: str) -> str:
    return normalise(account.number, country) or normalise(trunk.caller_number, trunk.country or country)


def _public(number: str, trunk: Trunk, directory: Directory) -> str:
    """A number inside as the world knows it."""
    account = directory.accounts.get(number)
    if account is not None:
        number = _number(account, trunk, directory.country) or trunk.user or number
    else:
        number = normalise(number, directory.country) or number
    return shown(number, trunk, directory.country)


def _address(name: str, user: str, domain: str) -> str:
    uri = f"<sip:{escape_user(user)}@{domain}>"
    return f"{quote(to_wire(name))} {uri}" if name else uri


def led_by(call: Call) -> tuple[Diversion, ...]:
    """By whom a call was led on; a queue that it waits in, or has waited in, is the last of them."""
    visit = call.visit
    if visit is None or not call.dialled:
        return call.diversions
    return (*call.diversions, Diversion(call.dialled, "unconditional"))


def history_lines(diversions: Iterable[Diversion], number: str, domain: str) -> str:
    """RFC 7044 section 5: whom it was for first, and then whom; each with why the one before was left."""
    steps = list(diversions)
    if not steps:
        return ""
    entries = []
    index, cause = "1", 0
    for target in [*(one.number for one in steps), number]:
        why = f"?Reason=SIP%3Bcause%3D{cause}" if cause else ""
        mapped = f";mp={index[:-2]}" if cause else ""
        entries.append(f"<sip:{escape_user(target)}@{domain}{why}>;index={index}{mapped}")
        step = len(entries) - 1
        cause = CAUSES.get(steps[step].reason, 302) if step < len(steps) else 0
        index += ".1"
    return f"History-Info: {', '.join(entries)}\r\n"


def looped(diversions: tuple[Diversion, ...], ours: frozenset[str]) -> bool:
    """Whether a call comes back to us that we, or others, have led on too often (SIG-35)."""
    if len(diversions) >= MAX_DIVERSIONS:
        return True
    numbers = [one.number for one in diversions]
    return any(numbers.count(one) > 1 for one in numbers if one in ours)
