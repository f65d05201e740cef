"""What callers of a mailbox experience: leaving a message, listening to messages, changing greetings and PIN.

Keys while a message is heard are those of Asterisk's voicemail: 4 back, 5 again, 6 on, 7 delete and restore, 8 forward, 9
keep; and 3 calls back, # and 0 skip five seconds on and back. Whoever leaves a message may press 0 for the operator and * to
open the mailbox.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from softswitch.call.flow import Do, EnterMailbox, Flow, Gather, Language, Mark, Play, PlayFile, Record, Step
from softswitch.call.mailboxes import MESSAGE, Draft, Mailboxes, Message
from softswitch.call.menu import PIN_TIMEOUT, Site, farewell, flow_for
from softswitch.call.owners import is_own, mailbox_of, own_mailbox
from softswitch.call.pins import LONGEST, PER_CALL, acceptable
from softswitch.call.routing import Destination, parse
from softswitch.call.speech import Clips, counted, digits, moment, number
from softswitch.directory import Mailbox
from softswitch.events import MailboxChanged

if TYPE_CHECKING:
    from softswitch.call.call import Call

TAKES: Final = 10  # recordings that a caller may begin
SHORT_TAKES: Final = 2  # in which nothing is said
IDLE: Final = 3  # prompts without an answer, then the call ends
ROUNDS: Final = 1_000  # keys in one menu
SKIP: Final = 5.0  # seconds
BOX_DIGITS: Final = 32
KEY_TIMEOUT: Final = 6.0


@dataclass(slots=True)
class Visit:
    """Somebody at a mailbox."""

    call: Call
    boxes: Mailboxes
    site: Site
    box: Mailbox

    @property
    def who(self) -> str:
        return self.call.account.user

    @property
    def language(self) -> str:
        return self.call.language


def enter(call: Call, step: EnterMailbox, now: float) -> None:
    """Lead the caller of a call through a mailbox from now on."""
    board = call.board
    boxes, site = board.mailboxes, board.site
    if step.verb == "open":
        call.run(visit(call, boxes, site, step.mailbox), now, ("to", f"mailbox:{step.mailbox}"))
        return
    box = site.directory.mailboxes.get(step.mailbox)
    if box is None:
        call.mark(Mark("unknown_mailbox", step.mailbox))
        call.say(("unavailable",), "unknown_mailbox", now)
        return
    draft = boxes.resume(call, box, int(step.draft)) if step.draft else None
    recipe: tuple[str, ...] = ("to", f"voicemail:{box.name}{':busy' if step.verb == 'busy' else ''}")
    if draft is not None:
        recipe = ("message", box.name, str(draft.id))
    busy = step.verb == "busy" or (bool(call.diversions) and call.diversions[-1].reason == "user-busy")
    call.run(leave(Visit(call, boxes, site, box), busy, draft), now, recipe)


# --- leaving a message -------------------------------------------------------------------------------------------------


def leave(at: Visit, busy: bool = False, draft: Draft | None = None) -> Flow:
    """Greet, beep, record. `draft`: the message that goes on after a restart."""
    box = at.box
    yield Mark("voicemail", box.name)
    if box.language:
        yield Language(box.language)
    if draft is None:
        obstacle = at.boxes.obstacle(box)
        if obstacle:
            yield from farewell((f"vm-{obstacle}",), f"voicemail_{obstacle}")
            return
        key = yield from _greet(at, busy)
        if key == "*":
            yield EnterMailbox(box.name, "open")
            return
        if key == "0" and box.operator:
            yield Mark("destination", box.operator)
            yield from flow_for(parse(box.operator), at.site, at.call.visitor)
            return
    yield from _leave(at, draft)


def _greet(at: Visit, busy: bool) -> Generator[Step, str, str]:
    """The greeting; returns the key that cut it short."""
    boxes, box = at.boxes, at.box
    own = (busy and boxes.greeting(box.name, "busy")) or boxes.greeting(box.name, "unavailable")
    if own:
        return (yield PlayFile(own))
    if box.greeting:
        return (yield Play(box.greeting, keep=False))
    if box.queue:
        return (yield Play(("vm-nobody", "vm-leave-message"), keep=False))
    state = "vm-is-busy" if busy else "vm-is-unavailable"
    if name := boxes.greeting(box.name, "name"):
        key = yield PlayFile(name)
        return key or (yield Play((state, "vm-leave-message"), keep=False))
    spoken = digits(box.name)
    opening: Clips = ("vm-number", *spoken, state) if spoken else ("unavailable",)
    return (yield Play((*opening, "vm-leave-message"), keep=False))


def _leave(at: Visit, draft: Draft | None) -> Flow:
    """Record until there is a message that its speaker is content with."""
    boxes, box = at.boxes, at.box
    short = 0
    for _ in range(TAKES):
        draft = draft or boxes.draft(at.call, box, MESSAGE)
        cause = yield Record(draft)
        if not draft.done:
            # Its worker has not said yet that the file is complete, or is gone: it is kept as soon as that can be known.
            yield from farewell(("vm-unusable" if cause == "failed" else "vm-sent",), f"voicemail_{cause}")
            return
        if draft.error and not boxes.usable(draft):
            yield Do(_discard(boxes, draft, "failed"))
            yield from farewell(("vm-unusable",), "voicemail_failed")
            return
        if not boxes.usable(draft):
            yield Do(_discard(boxes, draft, "short"))
            short += 1
            if short >= SHORT_TAKES:
                break
            yield Play(("vm-too-short", "vm-leave-message"), keep=False)
        elif cause == "#" and box.review and (yield from _review(boxes, draft)):
            yield Do(_discard(boxes, draft, "again"))
        else:
            yield Do(partial(boxes.accept, draft))
            yield from farewell(("vm-sent",), "voicemail")
            return
        draft = None
    yield from farewell(("goodbye",), "voicemail_nothing")


def _review(boxes: Mailboxes, draft: Draft) -> Generator[Step, str, bool]:
    """Let the speaker decide; whether it is to be recorded again. Without a key the message is kept."""
    for _ in range(TAKES):
        key = yield Gather(("vm-review",), KEY_TIMEOUT)
        if key == "2":
            yield PlayFile(boxes.file(draft.path))
        elif key == "3":
            return True
        else:
            break
    return False


def _discard(boxes: Mailboxes, draft: Draft, cause: str) -> Callable[[float], str]:
    return lambda now: boxes.discard(draft, cause)


# --- opening a mailbox -------------------------------------------------------------------------------------------------


def visit(call: Call, boxes: Mailboxes, site: Site, name: str = "") -> Flow:
    """Find out which mailbox it is to be and whether the caller may open it. `name`: "" = the caller's own, "*" = ask."""
    directory = site.directory
    if not name:
        box = own_mailbox(call.account, directory)
        if box is None:
            yield from farewell(("vm-no-box",), "no_mailbox")
            return
    else:
        if name == "*":
            name = yield Gather(("vm-enter-box",), PIN_TIMEOUT, BOX_DIGITS, terminator="#")
        box = mailbox_of(name, directory)
    # A stranger who asks for a mailbox that is not there is asked for its PIN all the same.
    at = Visit(call, boxes, site, box or Mailbox(""))
    if box is not None and box.language:
        yield Language(box.language)
    if (yield from _admit(at, box is not None)):
        yield Mark("mailbox", at.box.name)
        yield from _menu(at)


def _admit(at: Visit, there: bool) -> Generator[Step, str, bool]:
    """Ask for the PIN where that is needed; a caller without it has been sent away."""
    boxes, box = at.boxes, at.box
    own = there and is_own(box.name, at.call.account, at.site.directory)
    if own and not (box.ask_pin and boxes.pins.has(box)):
        return True
    for attempt in range(PER_CALL):
        typed = yield Gather(("enter-pin",), PIN_TIMEOUT, LONGEST, terminator="#", secret=True)
        verdict = yield Do(partial(_check, at, typed, own))
        if not verdict and there:
            return True
        if verdict == "locked":
            yield from farewell(("vm-locked",), "mailbox_locked")
            return False
        if attempt < PER_CALL - 1:
            yield Play(("pin-wrong",), interruptible=False, secret=True)
    yield from farewell(("pin-wrong",), "wrong_pin")
    return False


def _check(at: Visit, typed: str, own: bool, now: float) -> str:
    pins, box = at.boxes.pins, at.box
    before = pins.locked(box.name, own, now)
    verdict = pins.check(box, typed, own, now)
    if verdict == "locked" and not before and box.name in at.site.directory.mailboxes:
        at.call.board.publish(MailboxChanged(box.name, "locked", at.who))
    return verdict


def _menu(at: Visit) -> Flow:
    """The main menu."""
    new, old = at.boxes.counts(at.box.name)
    yield Play(summary(new, old, at.language))
    idle = 0
    for _ in range(ROUNDS):
        key = yield Gather(("vm-menu",), KEY_TIMEOUT)
        idle = 0 if key else idle + 1
        if key == "1":
            yield from _listen(at, at.boxes.inbox(at.box.name, new=True))
        elif key == "2":
            yield from _listen(at, at.boxes.inbox(at.box.name, new=False))
        elif key == "0":
            yield from _settings(at)
        elif key in ("*", "#") or idle >= IDLE:
            break
    yield from farewell(("goodbye",), "normal")


def summary(new: int, old: int, language: str) -> Clips:
    """How many messages there are."""
    if not new and not old:
        return ("vm-no-messages",)
    parts = [
        counted(count, unit, language, feminine=True)
        for count, unit in ((new, "new-message"), (old, "old-message"))
        if count
    ]
    joined = parts[0] if len(parts) == 1 else (*parts[0], "and", *parts[1])
    return ("vm-you-have", *joined)


def _listen(at: Visit, messages: list[Message]) -> Flow:
    """One message after the other, with what can be done to each."""
    index = 0
    while index < len(messages):
        message = messages[index]
        key = yield from _play(at, message, index)
        key = key or (yield Gather(("vm-actions",), KEY_TIMEOUT))
        while key in ("7", "8", "9"):
            yield from _act(at, message, key)
            key = "6" if key == "9" else (yield Gather(("vm-actions",), KEY_TIMEOUT))
        if key == "*":
            return
        if key == "3" and message.caller:
            yield from _call_back(at, message)
            return
        if key == "4":
            index = max(index - 1, 0)
        elif key in ("", "6"):
            index += 1
    yield Play(("vm-no-more",) if messages else ("vm-no-messages",))


def _play(at: Visit, message: Message, index: int) -> Generator[Step, str, str]:
    """When it came and from whom, then the message; returns the key that cut it short."""
    now = float((yield Do(lambda now: repr(at.boxes.wall(now)))))
    caller = digits(message.caller)
    envelope = (
        "vm-message", *number(index + 1, at.language), "vm-received",
        *moment(message.left_at, now, ZoneInfo(at.box.timezone), at.language),
        *(("vm-from", *caller) if caller else ("vm-from-unknown",)),
    )  # fmt: skip
    key = yield Play(envelope, keep=False)
    if key and key != "#":
        return key
    offset = 0.0
    for _ in range(ROUNDS):
        step = PlayFile(at.boxes.file(message.path), offset)
        key = yield step
        if key not in ("#", "0") or not key:
            break
        elapsed = float((yield Do(repr))) - step.started
        offset = max(offset + elapsed + (SKIP if key == "#" else -SKIP), 0.0)
        if offset >= message.seconds:
            key = ""
            break
    yield Do(lambda now: at.boxes.hear(message, at.who))
    return key


def _act(at: Visit, message: Message, key: str) -> Flow:
    """Delete or restore, forward, keep."""
    boxes = at.boxes
    if key == "7" and message.deleted_at:
        yield Do(lambda now: boxes.restore(message, at.who))
        yield Play(("vm-restored",))
    elif key == "7":
        yield Do(partial(boxes.delete, message, at.who))
        yield Play(("vm-deleted",))
    elif key == "9":
        yield Do(lambda now: boxes.hear(message, at.who))
        yield Play(("vm-kept",))
    else:
        typed = yield Gather(("vm-enter-box",), PIN_TIMEOUT, BOX_DIGITS, terminator="#")
        target = mailbox_of(typed, at.site.directory) if typed else None
        if target is None or target.name == at.box.name:
            yield Play(("vm-no-box",))
            return
        obstacle = yield Do(lambda now: boxes.forward(message, target))
        yield Play((f"vm-{obstacle}",) if obstacle else ("vm-forwarded",))


def _call_back(at: Visit, message: Message) -> Flow:
    """Put the caller through to who left the message, by the caller's own rights."""
    yield Do(lambda now: at.boxes.hear(message, at.who))
    yield Mark("call_back", message.caller)
    yield Play(("vm-calling",), interruptible=False)
    yield from flow_for(Destination("extension", message.caller), at.site, at.call.visitor)


# --- settings ----------------------------------------------------------------------------------------------------------


def _settings(at: Visit) -> Flow:
    """Greetings and PIN."""
    idle = 0
    for _ in range(ROUNDS):
        key = yield Gather(("vm-settings",), KEY_TIMEOUT)
        idle = 0 if key else idle + 1
        if key in ("1", "2"):
            yield from _greeting(at, "unavailable" if key == "1" else "busy", "vm-record-greeting")
        elif key == "3":
            yield from _greeting(at, "name", "vm-record-name")
        elif key == "4":
            yield from _new_pin(at)
        elif key in ("*", "#") or idle >= IDLE:
            return


def _greeting(at: Visit, kind: str, prompt: str) -> Flow:
    """Record a greeting, until it is kept or given up."""
    boxes, box = at.boxes, at.box
    for _ in range(TAKES):
        if at.boxes.obstacle(box) == "unusable":
            yield Play(("vm-unusable",))
            return
        yield Play((prompt,), keep=False)
        draft = boxes.draft(at.call, box, kind)
        yield Record(draft)
        if not draft.done:
            yield Play(("vm-unusable",))
            return
        if not boxes.usable(draft):
            yield Do(_discard(boxes, draft, "short"))
            yield Play(("vm-too-short",))
            continue
        key = "2"
        while key == "2":
            key = yield Gather(("vm-keep-greeting",), KEY_TIMEOUT)
            if key == "2":
                yield PlayFile(boxes.file(draft.path))
        if key == "1":
            yield Do(partial(boxes.accept, draft))
            yield Play(("done",))
            return
        yield Do(_discard(boxes, draft, "again" if key == "3" else "given_up"))
        if key == "4":
            yield Do(lambda now: boxes.set_greeting(box.name, kind, "", at.who))
            yield Play(("done",))
        if key != "3":
            return


def _new_pin(at: Visit) -> Flow:
    """Set a PIN, typed twice."""
    first = yield Gather(("vm-new-pin",), PIN_TIMEOUT, LONGEST, terminator="#", secret=True)
    if not acceptable(first):
        yield Play(("vm-pin-refused",))
        return
    again = yield Gather(("vm-repeat-pin",), PIN_TIMEOUT, LONGEST, terminator="#", secret=True)
    if again != first:
        yield Play(("vm-pin-refused",))
        return
    yield Do(lambda now: at.boxes.set_pin(at.box.name, first, at.who))
    yield Play(("done",))
