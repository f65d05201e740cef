"""Session timers (RFC 4028): a session that nobody refreshes in time is over, even if no BYE ever comes.

Each leg has a timer of its own, because each is a dialog of its own. One side refreshes, at half of the interval; we do so by
UPDATE without a description where the peer takes it, else by a re-INVITE with the description as it stands. The other side
waits, and hangs up shortly before the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call.states import LegState
from softswitch.errors import ParseError
from softswitch.sip.grammar import number
from softswitch.sip.headers import supports

if TYPE_CHECKING:
    from softswitch.call.board import Policy
    from softswitch.call.leg import Leg
    from softswitch.sip.message import Message

SHORTEST: Final = 90  # seconds: the lowest Min-SE there may be (section 4)
LONGEST: Final = 86_400  # seconds: what a peer can drive us to by 422
HONOURED: Final = 30  # seconds: the shortest interval that we keep up with, should an answer name less than it may
MARGIN: Final = (
    32.0  # seconds before the end at which the waiting side hangs up; a third of the interval if that is less
)
AGAIN: Final = 5.0  # seconds after which a refresh is tried once more that has not succeeded
MAX_RAISES: Final = 3  # times that a peer may ask for a longer interval
MAX_UINT32: Final = 2**32 - 1
LINES: Final = ("Session-Expires:", "Min-SE:")  # that a request is about timers
SESSION: Final = frozenset({LegState.ANSWERED, LegState.ESTABLISHED})


@dataclass(slots=True)
class SessionTimer:
    """What was agreed for one dialog. `ours`: we refresh. `expires_at` 0: nothing is agreed yet, the peer wants more time."""

    interval: int  # seconds
    ours: bool = True
    expires_at: float = 0.0
    minimum: int = 0  # the peer's Min-SE, 0: it has named none
    raises: int = 0  # times that it has named one

    @property
    def lapses_at(self) -> float:
        """When to give up (section 10)."""
        return self.expires_at - min(MARGIN, self.interval / 3)


# --- as a user agent client --------------------------------------------------------------------------------------------


def proposal(leg: Leg) -> str:
    """The lines of a request of ours that begins or refreshes a session."""
    timer, policy = leg.timer, leg.board.policy
    if timer is None:
        if not policy.session_expires:
            return ""
        lowest = f"Min-SE: {policy.session_minimum}\r\n" if policy.session_minimum > SHORTEST else ""
        return f"Session-Expires: {policy.session_expires}\r\n{lowest}"
    refresher = ""
    if timer.expires_at:
        # 7.4: who refreshes is not to change.
        refresher = ";refresher=uac" if timer.ours else ";refresher=uas"
    # 7.4: the highest Min-SE that was ever heard of goes along.
    minimum = max(timer.minimum, policy.session_minimum)
    lowest = f"Min-SE: {minimum}\r\n" if minimum > SHORTEST else ""
    return f"Session-Expires: {timer.interval}{refresher}\r\n{lowest}"


def answered(leg: Leg, response: Message, now: float) -> None:
    """A 2xx to such a request (section 7.2)."""
    if not leg.board.policy.session_expires:
        return
    interval, refresher = _session_expires(response)
    known = leg.timer
    if interval:
        _start(leg, max(interval, HONOURED), refresher != "uas", now)
    elif known is not None and known.expires_at:
        # The peer does without, or has forgotten about it: what was agreed, we go on with alone.
        _start(leg, known.interval, True, now)


def raised(leg: Leg, response: Message) -> bool:
    """A 422: the peer wants a longer interval. True if the request is to be tried again with it (section 7.3)."""
    minimum = _seconds(response.header("min-se"))
    timer = leg.timer or SessionTimer(leg.board.policy.session_expires)
    if not timer.interval < minimum <= LONGEST or timer.raises >= MAX_RAISES:
        return False
    timer.interval = timer.minimum = minimum
    timer.raises += 1
    leg.timer = timer
    return True


# --- as a user agent server --------------------------------------------------------------------------------------------


def too_short(policy: Policy, message: Message) -> str:
    """The lines of the 422 for a request with an interval that is too short for us; "" if it is not (section 9)."""
    if "session-expires" not in message.headers or not policy.session_expires:
        return ""
    interval, _ = _session_expires(message)
    # A peer that knows nothing of timers did not write this, and cannot mend it.
    if not interval or interval >= policy.session_minimum or not supports(message, "timer"):
        return ""
    return f"Min-SE: {policy.session_minimum}\r\n"


def agree(leg: Leg, message: Message, now: float) -> str:
    """The lines of our 2xx to a request that begins or refreshes a session, which is refreshed by that (section 9)."""
    headers, policy = message.headers, leg.board.policy
    if not policy.session_expires or leg.state not in SESSION:
        return ""
    known = leg.timer if leg.timer is not None and leg.timer.expires_at else None
    able = "supported" in headers and supports(message, "timer")
    if not able and known is None and "session-expires" not in headers:
        return ""
    wanted, refresher = _session_expires(message)
    agreed = known.interval if known is not None else policy.session_expires
    longest = max(policy.session_expires, agreed)
    lowest = max(_seconds(message.header("min-se")), policy.session_minimum)
    interval = min(max(min(wanted or agreed, longest), lowest), LONGEST)
    if able and refresher:
        ours = refresher == "uas"
    else:
        ours = known.ours if known is not None and able else True
    interval = max(interval, leg.timer.minimum if leg.timer is not None else 0)
    _start(leg, interval, ours, now)
    require = "Require: timer\r\n" if able else ""
    return f"Session-Expires: {interval};refresher={'uas' if ours else 'uac'}\r\n{require}"


# --- as time goes by ---------------------------------------------------------------------------------------------------


def resume(leg: Leg, timer: SessionTimer, now: float) -> None:
    """After a restart: a peer that could not reach us in between gets the time to try again."""
    leg.timer = timer
    if timer.expires_at:
        timer.expires_at = max(timer.expires_at, now + 2 * MARGIN)
        _arm(leg, timer, now)


def due(leg: Leg, now: float) -> None:
    """Time to refresh the session, or to end it."""
    timer = leg.timer
    if timer is None or leg.gone:
        return
    if now >= timer.lapses_at or not timer.ours:
        leg.drop(now, 408, "session_expired", "timeout")
        return
    leg.board.deadlines.set((leg, "session"), min(now + AGAIN, timer.lapses_at))
    refresh(leg, now)


def refresh(leg: Leg, now: float) -> None:
    """Tell the peer that we are still there, and ask whether it is."""
    if leg.state is not LegState.ESTABLISHED or leg.updating is not None:
        return
    if "UPDATE" not in leg.allow:
        leg.reaffirm(now)
        return
    leg.reach(now)
    contact = leg.board.place(leg.dialog.flow).contact
    leg.updating = leg.dialog.request(leg.board.endpoint, "UPDATE", now, headers=contact + proposal(leg), owner=leg)


def updated(leg: Leg, response: Message, now: float) -> None:
    """The final response to our UPDATE."""
    leg.updating = None
    if leg.gone:
        return
    status = response.status
    if status < 300:
        leg.dialog.refresh(response)
        answered(leg, response, now)
    elif status in (405, 415, 420, 488, 501):  # It does not do what it said, or not in this way.
        leg.allow = leg.allow.replace("UPDATE", "")
        refresh(leg, now)
    elif status == 422 and raised(leg, response):
        refresh(leg, now)
    # Else it is tried again: a busy peer (491, 500, 503) has time until the session expires.


def unsent(leg: Leg, status: int) -> bool:
    """Whether a refresh has not left us: its connection is gone. The phone has until the session expires to come back."""
    leg.updating = None
    return status == 503 and leg.timer is not None


def _start(leg: Leg, interval: int, ours: bool, now: float) -> None:
    timer = leg.timer
    if timer is None:
        timer = leg.timer = SessionTimer(interval)
    # A peer that has refused less as too short does not get less, whatever it says then.
    timer.interval = interval = max(interval, timer.minimum)
    timer.ours, timer.expires_at, timer.raises = ours, now + interval, 0
    _arm(leg, timer, now)


def _arm(leg: Leg, timer: SessionTimer, now: float) -> None:
    at = timer.expires_at - timer.interval / 2 if timer.ours else timer.lapses_at
    leg.board.deadlines.set((leg, "session"), max(at, now))


def _session_expires(message: Message) -> tuple[int, str]:
    """(seconds, refresher) of a message; (0, "") if it names none. What cannot be read is not there (RFC 3261 8.2)."""
    value = message.header("session-expires")
    if not value:
        return 0, ""
    text, _, parameters = value.partition(";")
    for parameter in parameters.split(";"):
        name, _, refresher = parameter.partition("=")
        if name.strip(" \t").lower() == "refresher":
            refresher = refresher.strip(" \t").lower()
            return _seconds(text), refresher if refresher in ("uac", "uas") else ""
    return _seconds(text), ""


def _seconds(text: str) -> int:
    try:
        return number(text.partition(";")[0].strip(" \t"), MAX_UINT32) if text else 0
    except ParseError:
        return 0
