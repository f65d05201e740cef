"""Prompts of the site, spoken into a telephone (MED-12): it rings, beeps, records, plays back, and asks what is to become of it.

The keys are those of a mailbox's greetings: 1 keeps, 2 plays again, 3 records again, 4 goes back to the standard one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from softswitch.call.call import Call
from softswitch.call.flow import Do, Flow, Gather, Mark, Play, PlayFile, Record
from softswitch.call.menu import farewell
from softswitch.directory import Mailbox
from softswitch.events import CallStarted, PromptSpoken

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.mailboxes import Draft, Mailboxes

PROMPT: Final = "prompt"  # a kind of draft
ROOM: Final = Mailbox("prompts", silence=5.0)  # not one of the site: where the drafts are, and how they end
TAKES: Final = 10
KEY_TIMEOUT: Final = 8.0  # seconds
KEEP, AGAIN, ANEW, STANDARD = "1", "2", "3", "4"


def ring(board: Board, account: str, prompt: str, language: str, by: str, now: float) -> tuple[str, str]:
    """Ring the phone of `account`, and have whoever answers speak a prompt; (the call's id, ""), or ("", why not)."""
    found = board.directory.accounts.get(account)
    if found is None:
        return "", "there is no such account"
    if not board.mailboxes.folder or not board.mailboxes.room:
        return "", "there is no place for recordings (paths.voicemail)"
    if board.by_account.get(account, 0) >= found.max_calls:
        return "", f"{account} is in {found.max_calls} calls already"
    media = board.allocate(now, spare=1)
    if media is None:
        return "", "no media port is free"
    worker = media.worker
    media.close(now)
    call = Call(board, found, prompt, worker, now)
    board.publish(CallStarted(call.id, call.caller_number, call.caller_name, prompt, account))
    call.mark(Mark("record_prompt", by))
    call.summon(speak(call, board.mailboxes, prompt, language, by), prompt, now)
    return call.id, ""


def speak(call: Call, boxes: Mailboxes, prompt: str, language: str, by: str) -> Flow:
    """Record until the speaker is content or gives up. Who hangs up keeps nothing."""
    tell = partial(_tell, call, boxes, prompt, language, by)
    for _ in range(TAKES):
        yield Play(("vm-record-greeting",), keep=False)
        draft = boxes.draft(call, ROOM, PROMPT)
        yield Record(draft)
        if not draft.done or draft.error:
            yield from farewell(("vm-unusable",), "prompt_failed")
            return
        if not boxes.usable(draft):
            yield Do(partial(_discard, boxes, draft, "short"))
            yield Play(("vm-too-short",), keep=False)
            continue
        key = yield PlayFile(boxes.file(draft.path))
        while key not in (KEEP, ANEW, STANDARD):
            key = yield Gather(("vm-keep-greeting",), KEY_TIMEOUT)
            if not key:
                yield Do(partial(_discard, boxes, draft, "given_up"))
                yield from farewell(("goodbye",), "prompt_given_up")
                return
            if key == AGAIN:
                key = yield PlayFile(boxes.file(draft.path))
        if key == KEEP:
            yield Do(partial(tell, draft))
        else:
            yield Do(partial(_discard, boxes, draft, "again" if key == ANEW else "standard"))
        if key == STANDARD:
            yield Do(partial(tell, None))
        if key != ANEW:
            yield from farewell(("done",), f"prompt_{'kept' if key == KEEP else 'standard'}")
            return
    yield from farewell(("goodbye",), "prompt_given_up")


def _tell(call: Call, boxes: Mailboxes, prompt: str, language: str, by: str, draft: Draft | None, now: float) -> str:
    path = boxes.hand_over(draft) if draft is not None else ""
    seconds = draft.seconds if draft is not None else 0.0
    call.board.publish(PromptSpoken(call.id, language, prompt, path, seconds, by))
    return ""


def _discard(boxes: Mailboxes, draft: Draft, cause: str, now: float) -> str:
    return boxes.discard(draft, cause)
