"""Do they want the call? Whoever answers for somebody else presses 1: a mailbox, or a stranger in the street, does not.

Ring groups and follow-me ask so (SIG-34), and queues ask their agents outside, or all of them (ACD-34). Who has not accepted
in time, or hangs up, has not answered. And what an agent is told before the conversation, whether asked or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call.flow import Mark
from softswitch.call.speech import Clips, counted, minutes

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.leg import Leg
    from softswitch.call.queueing import Offer, QueueVisit
    from softswitch.directory import Queue

ASK: Final = ("press-one-to-accept",)  # clips
ASK_AGENT: Final = ("agent-press-one",)
WAITED: Final = "agent-waited-intro"
ACCEPT: Final = "1"
ASK_SECONDS: Final = 15.0  # to press it, in groups
MINUTE: Final = 60
CALLER_SECONDS: Final = 2.0  # the longest that a caller's prompt keeps an agent waiting ...
CONSENT_SECONDS: Final = 30.0  # ... and one by which the two are told that they are recorded
REFUSED: Final = "off"  # what a menu says of a caller who is not to be recorded


class Confirmation:
    """One leg that is asked. `until`: when the time to say so is over; whoever asks keeps that time."""

    __slots__ = ("board", "clips", "leg", "play", "until")

    def __init__(self, board: Board, leg: Leg, clips: Clips, until: float) -> None:
        self.board = board
        self.leg = leg
        self.clips = clips
        self.until = until
        self.play = 0

    def ask(self) -> None:
        if self.leg.up:
            clips = self.board.resolve(self.clips, self.board.directory.language)
            self.play = self.leg.media.play_clips(clips, until_digit=True)

    def accepts(self, digit: str) -> bool:
        """Whether this key takes the call. After another one they are asked again: nobody is left in silence."""
        if digit == ACCEPT:
            return True
        self.ask()
        return False

    def played(self, play: int, cause: str) -> None:
        """Asked once, asked again until the time is over."""
        if play == self.play and cause == "end":
            self.ask()


def waited(seconds: float, language: str) -> Clips:
    """How long a caller has waited, for the agent."""
    if seconds < MINUTE:
        return (WAITED, *counted(int(seconds), "second", language, feminine=True))
    return (WAITED, *minutes(int(seconds // MINUTE), language))


def words(config: Queue, seconds: float, language: str) -> Clips:
    """What an agent hears about a caller who has waited so long: the queue's name, and the wait if the queue tells it."""
    return (*config.agent_greeting, *(waited(seconds, language) if config.agent_hears_wait else ()))


class Introduction:
    """What agent and caller are told, each alone and at the same time, before they hear each other (ACD-34, ACD-35, MED-18)."""

    __slots__ = ("agent", "call", "caller", "consent", "offer")

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.call = offer.call
        self.agent = 0  # the clips that the agent hears
        self.caller = 0  # ... and the caller
        self.consent = False  # they are told that they are recorded

    def begin(self, leg: Leg, visit: QueueVisit, now: float) -> bool:
        """Whether anybody is told anything."""
        board, config = visit.board, visit.config
        said = () if self.offer.accepted else words(config, now - visit.entered, board.directory.language)
        self.consent = bool(config.consent) and board.recorder.would(visit.call)
        if self.consent:
            said += config.consent
            visit.call.mark(Mark("consent", config.name))
        if said and leg.up:
            self.agent = self.offer.play = leg.media.play_clips(board.resolve(said, board.directory.language))
        heard = (*config.connecting, *(config.consent if self.consent else ()))
        if heard and visit.call.caller.up:
            visit.say(heard, visit.call.language)
            self.caller = visit.play
            board.deadlines.set((self, "connecting"), now + (CONSENT_SECONDS if self.consent else CALLER_SECONDS))
        return bool(self.agent or self.caller)

    def played(self, play: int, now: float) -> None:
        """One of the two has heard it."""
        if play == self.agent:
            self.agent = 0
        elif play == self.caller:
            self.caller = 0
        if not (self.agent or self.caller):
            self.stop()
            self.offer.joined(now)

    def refused(self, key: str, now: float) -> bool:
        """Whether the caller says by this key that they are not to be recorded: the two talk at once."""
        visit = self.call.visit
        if visit is None or not self.consent or key != visit.config.consent_refuse:
            return False
        self.call.visitor.record = REFUSED
        self.call.mark(Mark("consent_refused", key))
        self.stop()
        self.offer.joined(now)
        return True

    def expire(self, kind: str, now: float) -> None:
        """Nobody is kept waiting by a prompt."""
        self.played(self.caller, now)

    def stop(self) -> None:
        self.offer.board.deadlines.clear((self, "connecting"))
