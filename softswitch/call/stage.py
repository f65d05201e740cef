"""A call as the stage of its flow: where the steps of menus and feature codes are carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call import callback_flow, conference, voicemail
from softswitch.call.dialling import put_through
from softswitch.call.flow import (
    AskCallback,
    Dial,
    EnterMailbox,
    EnterQueue,
    Fetch,
    Here,
    Mark,
    Meet,
    PlayFile,
    Present,
    Record,
    Watch,
)
from softswitch.call.precedence import standing
from softswitch.call.queueing import QueueVisit
from softswitch.call.routing import Destination
from softswitch.call.supervise import Supervision, may_supervise
from softswitch.effects import HttpRequest
from softswitch.integrations.signing import signed_headers

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.effects import AgentCommand

MAX_RUSH: Final = 20  # queues in a row that pass a caller on at once


class CallStage:
    """What a flow does to the caller of a call."""

    __slots__ = ("board", "call")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.board = call.board

    def play(self, clips: tuple[str, ...], interruptible: bool) -> int:
        return self.call.play(clips, interruptible)

    def play_file(self, step: PlayFile, now: float) -> int:
        return self.call.caller.media.play_file(step.path, step.offset, until_digit=True)

    def record(self, step: Record, now: float) -> None:
        self.board.mailboxes.beep(step.draft, now)

    def stop_recording(self, step: Record, now: float) -> None:
        self.board.mailboxes.finish(step.draft, "key", now)

    def enter_mailbox(self, step: EnterMailbox, now: float) -> None:
        voicemail.enter(self.call, step, now)

    def music(self, name: str) -> None:
        self.call.music(name)

    def echo(self) -> None:
        self.call.caller.media.echo()

    def wait_until(self, at: float | None) -> None:
        if at is None:
            self.board.deadlines.clear((self.call, "flow"))
        else:
            self.board.deadlines.set((self.call, "flow"), at)

    def enter_queue(self, step: EnterQueue, now: float) -> None:
        call = self.call
        queue = self.board.directory.queues.get(step.queue)
        if queue is None:
            call.mark(Mark("unknown_queue", step.queue))
            call.say(("unavailable",), "unknown_queue", now)
            return
        call.mark(Mark("queue", queue.name))
        if queue.language:
            call.language = queue.language
        priority, credit = standing(call, step, queue, now, call.visitor.customer(self.board.site.facts))
        call.visit = QueueVisit(call, queue, now)
        if call.visit.rush >= MAX_RUSH:  # They send the caller to each other, and nothing of it takes time.
            call.visit.waiting = False
            call.mark(Mark("loop", queue.name))
            call.say(("goodbye",), "queue_loop", now)
            return
        if step.since is not None:
            credit = max(credit, now - step.since)
        call.visit.enter(priority, now, credit, step.preferred, step.needs)

    def ask_callback(self, step: AskCallback, now: float) -> None:
        queue = self.board.directory.queues.get(step.queue)
        if queue is None:
            self.call.mark(Mark("unknown_queue", step.queue))
            self.call.say(("unavailable",), "unknown_queue", now)
        else:
            callback_flow.ask(self.call, queue, now)

    def meet(self, step: Meet, now: float) -> str:
        config = self.board.directory.conferences.get(step.conference)
        if config is None:
            return "unknown_conference"
        self.call.mark(Mark("conference", config.name))
        return conference.enter(self.call, config, step.moderator, now)

    def watch(self, step: Watch, now: float) -> str:
        call = self.call
        if not (step.granted or may_supervise(call.account, step.device, self.board.directory)):
            return "forbidden"
        call.mark(Mark("supervise", step.device))
        call.supervision = Supervision(call, step.device, step.mode, step.by, now)
        call.supervision.begin(now)
        return ""

    def dial(self, step: Dial, now: float) -> None:
        call = self.call
        call.mark(Mark("dial", step.user))
        call.caller.media.tone("ringback", self.board.country)
        put_through(call, Destination(step.kind, step.user, step.detail), now)

    def stop_dialling(self, now: float) -> None:
        call = self.call
        fork, call.fork = call.fork, None
        if fork is not None:
            fork.cancel(now, "no_answer")

    def fetch(self, step: Fetch, now: float) -> None:
        step.errand = self.call.visitor.errand()
        headers = step.headers
        if step.secret:
            wall = int(self.board.desk.callers.epoch + now)
            headers += tuple(signed_headers(step.secret, step.errand, wall, step.body))
        self.board.out.append(
            HttpRequest(step.errand, self.call.id, step.method, step.url, headers, step.body, step.timeout)
        )

    def present(self, step: Present) -> None:
        visitor = self.call.visitor  # What they are called, not who they are: the record keeps that.
        visitor.shown_name = visitor.shown_name if step.name is None else step.name
        visitor.shown_number = visitor.shown_number if step.number is None else step.number

    def here(self, step: Here) -> None:
        self.call.recipe = ("menu", step.place, *step.way)
        self.board.touch(self.call)

    def finish(self, cause: str, now: float) -> None:
        self.call.caller.hang_up(now, 480, cause)
        self.call.end(cause, now)

    def tell(self, command: AgentCommand) -> None:
        self.board.out.append(command)

    def mark(self, step: Mark) -> None:
        self.call.mark(step)

    def speak(self, language: str) -> None:
        self.call.language = language
