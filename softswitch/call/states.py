"""The states of a leg, and what can happen to it. Which leads where is a table, in `arrows`.

INCOMING     an INVITE has come and has no final response (UAS)
WITHHELD     ... and is answered as soon as PRACK has come (RFC 3262 section 3)
CALLING      our INVITE is out, nobody has rung (UAC)
RINGING      ... somebody rings
CANCELLING   our INVITE is cancelled, its final response is on the way
ANSWERED     our 2xx is out, its ACK has not come
DEPARTING    as ANSWERED, and we want to hang up: BYE has to wait for the ACK (RFC 3261 section 15)
ESTABLISHED  both sides agree that there is a session
LEAVING      our BYE is out
ENDED
"""

from __future__ import annotations

from enum import StrEnum


class LegState(StrEnum):
    INCOMING = "incoming"
    WITHHELD = "withheld"
    CALLING = "calling"
    RINGING = "ringing"
    CANCELLING = "cancelling"
    ANSWERED = "answered"
    DEPARTING = "departing"
    ESTABLISHED = "established"
    LEAVING = "leaving"
    ENDED = "ended"


class LegInput(StrEnum):
    START = "we send INVITE"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "final failure"  # or none at all
    CANCEL = "CANCEL"
    ACK = "ACK"
    ACK_MISSING = "no ACK"
    BYE = "BYE"
    ANSWER = "we answer"
    ANSWER_LATER = "we answer, PRACK is missing"
    PRACK = "PRACK"
    HANG_UP = "we hang up"
    BYE_DONE = "BYE answered"  # or never answered
    LOST = "nothing to be said"  # after a fault of ours
