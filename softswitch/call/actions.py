"""What the steps of menus do: for each kind a generator that plays, asks, looks up, and says where to go on.

A step never fails a call. What it cannot do (an expression without sense, a web service that is silent, a caller who does not
understand) is a way of its own in the menu, or the next step; and an event tells whoever looks after the menu.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.asking import choice, collect, identify, survey
from softswitch.call.flow import Dial, EnterQueue, Hangup, Here, Language, Mark, Play, Present
from softswitch.call.moves import Acting, Move, computed
from softswitch.call.routing import Refusal, parse, route
from softswitch.call.saying import said
from softswitch.call.web import FAILED, request_of, saved, ways
from softswitch.directory import Need
from softswitch.directory.menus import (
    CallbackStep,
    CallerStep,
    CallStep,
    ChoiceStep,
    CollectStep,
    DialStep,
    GotoStep,
    HangupStep,
    HoursStep,
    HttpStep,
    IdentifyStep,
    IfStep,
    LanguageStep,
    MailStep,
    PlayStep,
    QueueStep,
    RecordStep,
    SayStep,
    SetStep,
    SmsStep,
    SurveyStep,
    SwitchStep,
)
from softswitch.effects import SendMail, SendText
from softswitch.expression import shown

if TYPE_CHECKING:
    from softswitch.call.tree import Walk
    from softswitch.call.visitor import Scope
    from softswitch.expression import Value

MAX_PRIORITY: Final = 1_000_000
MAX_CREDIT: Final = 86_400.0  # seconds
MAX_LANGUAGE: Final = 8  # characters
MAX_SHOWN: Final = 64  # ... of a name or number that others see


def perform(step: object, at: Walk) -> Acting:
    """Carry out a step of a menu."""
    return ACTIONS[type(step)](step, at)


# --- hearing -------------------------------------------------------------------------------------------------------


def _play(step: PlayStep, at: Walk) -> Acting:
    yield Play(step.clips, step.interruptible)
    return Move()


def _say(step: SayStep, at: Walk) -> Acting:
    def clips(scope: Scope) -> tuple[str, ...]:
        return said(step.kind, scope.value(step.value) if step.value else None, scope, bool(step.value))

    nothing: tuple[str, ...] = ()
    words = yield from computed(at, clips, nothing)
    if words:
        yield Play(words, step.interruptible)
    return Move()


def _language(step: LanguageStep, at: Walk) -> Acting:
    language = yield from computed(at, lambda scope: scope.text(step.language), "")
    if step.prompts:
        at.visitor.prompts = step.prompts
    if language.isascii() and language.replace("-", "").isalnum() and len(language) <= MAX_LANGUAGE:
        yield Language(language.lower())
    elif language:
        at.problem("speech", f"{language!r} is no language")
    return Move()


# --- deciding ------------------------------------------------------------------------------------------------------


def _hours(step: HoursStep, at: Walk) -> Acting:
    yield from ()
    return Move() if at.site.is_open(step.hours) else Move(step.closed)


def _goto(step: GotoStep, at: Walk) -> Acting:
    yield from ()
    return Move(step.destination)


def _if(step: IfStep, at: Walk) -> Acting:
    holds = yield from computed(at, lambda scope: scope.holds(step.condition), False)
    return Move(step.then if holds else step.otherwise)


def _switch(step: SwitchStep, at: Walk) -> Acting:
    value = yield from computed(at, lambda scope: shown(scope.value(step.value)), "")
    return Move(step.cases.get(value, step.otherwise))


def _set(step: SetStep, at: Walk) -> Acting:
    for name, expression in step.values.items():

        def act(scope: Scope, name: str = name, expression: str = expression) -> None:
            at.visitor.set(name, scope.value(expression), secret=scope.is_secret(expression))

        yield from computed(at, act, None)
    return Move()


def _caller(step: CallerStep, at: Walk) -> Acting:
    wanted = step.caller

    def seen(scope: Scope) -> Present:
        texts = [scope.text(wanted[name])[:MAX_SHOWN] if name in wanted else None for name in ("name", "number")]
        if "priority" in wanted:
            at.visitor.priority = int(scope.number(wanted["priority"], -MAX_PRIORITY, MAX_PRIORITY))
        return Present(*texts)

    present = yield from computed(at, seen, Present())
    if present.name is not None or present.number is not None:
        yield present
    return Move()


def _record(step: RecordStep, at: Walk) -> Acting:
    yield from ()
    at.visitor.record = step.record
    return Move()


# --- going elsewhere -----------------------------------------------------------------------------------------------


def _call(step: CallStep, at: Walk) -> Acting:
    yield from ()
    at.call(step.branch)
    return Move("stay")


def _queue(step: QueueStep, at: Walk) -> Acting:
    needs = tuple(Need(skill, level) for skill, level in step.skills.items())

    def enter(scope: Scope) -> EnterQueue:
        priority = scope.number(step.priority, -MAX_PRIORITY, MAX_PRIORITY) if step.priority else at.visitor.priority
        return EnterQueue(
            step.queue,
            int(priority),
            scope.number(step.wait_credit, 0.0, MAX_CREDIT),
            scope.text(step.agent)[:MAX_SHOWN],
            needs=needs,
        )

    entering = yield from computed(at, enter, EnterQueue(step.queue, at.visitor.priority, needs=needs))
    yield entering
    return None


def _dial(step: DialStep, at: Walk) -> Acting:
    """Ring somebody. Where that fails: the way that the step names, else the next step; at the end the caller is told."""
    target = parse(step.destination)
    yield Mark("ring", step.destination)
    if target.kind == "extension":
        found = route(target.name, at.site.directory)
        if isinstance(found, Refusal):
            return (yield from _not_reached(step, at, "not_found" if found.status == 404 else "failed"))
        target = found
    if target.kind not in ("account", "group", "outside"):
        return Move(str(target))
    yield Here(str(at.place._replace(step=at.place.step + 1)), at.kept())  # where a restart while it rings goes on
    failure = yield Dial(target.name, target.kind, target.detail, step.timeout)
    return (yield from _not_reached(step, at, failure))


def _not_reached(step: DialStep, at: Walk, failure: str) -> Acting:
    yield Mark("not_reached", failure)
    way = {"busy": step.busy, "rejected": step.busy, "no_answer": step.no_answer}.get(failure) or step.otherwise
    if way or not at.last:
        return Move(way)
    yield Play(FAILURES.get(failure, ("call-failed",)), interruptible=False)
    yield Hangup(failure)
    return None


def _hang_up(step: HangupStep, at: Walk) -> Acting:
    yield Mark("destination", "hangup")
    yield Hangup(step.cause)
    return None


# --- errands -------------------------------------------------------------------------------------------------------


def _http(step: HttpStep, at: Walk) -> Acting:
    fetch = yield from computed(at, lambda scope: request_of(step, scope), None)
    result, status = "failed", 0
    answer: Mapping[str, Value] = {}
    if fetch is not None:
        result = yield fetch
        status = fetch.status
        if result == "ok" and status < FAILED:
            answer = saved(step, fetch.answer)
    at.visitor.http = (result, status)
    for name in step.save:
        at.visitor.set(name, answer.get(name))
    yield Mark("http", f"{result} {status}" if status else result)
    named = next((one for one in ways(status) if one in step.results), "") if result == "ok" else ""
    if named:
        return Move(step.results[named])
    if result != "ok" or status >= FAILED:
        at.problem("http", f"{result} {status}" if status else result)
        return Move(step.failed)
    return Move()


def _sms(step: SmsStep, at: Walk) -> Acting:
    def text(scope: Scope) -> SendText:
        to = scope.text(step.to).strip()
        return SendText(
            at.visitor.errand(), at.visitor.subject.id, "" if to == "anonymous" else to, scope.text(step.text)
        )

    return _send("sms", text, ("text", "there is no number to send it to"), at)


def _email(step: MailStep, at: Walk) -> Acting:
    def mail(scope: Scope) -> SendMail:
        to = tuple(one.strip() for one in scope.text(step.to).split(",") if one.strip())
        subject = " ".join(scope.text(step.subject).split())
        return SendMail(at.visitor.errand(), at.visitor.subject.id, to, subject, scope.text(step.text))

    return _send("email", mail, ("mail", "there is no address to send it to"), at)


def _send(mark: str, compute: Callable[[Scope], SendText | SendMail], lacking: tuple[str, str], at: Walk) -> Acting:
    """Send what is computed, unless it has nobody to go to; the flow goes on either way."""
    order = yield from computed(at, compute, None)
    if order is not None and order.to:
        at.visitor.send(order)
        yield Mark(mark)
    elif order is not None:
        at.problem(*lacking)
    return Move()


def _callback(step: CallbackStep, at: Walk) -> Acting:
    yield from ()
    return Move(f"callback:{step.queue}")


# How a failed dial attempt is told to a caller who has already been answered.
FAILURES: Final = {
    "busy": ("number-busy",),
    "no_answer": ("no-answer",),
    "rejected": ("number-busy",),
    "unreachable": ("unavailable",),
    "not_found": ("invalid-number",),
    "forbidden": ("not-permitted",),
}
ACTIONS: Final[Mapping[type, Callable[[Any, Walk], Acting]]] = {
    PlayStep: _play, SayStep: _say, ChoiceStep: choice, HoursStep: _hours, GotoStep: _goto, IfStep: _if, SwitchStep: _switch,
    SetStep: _set, LanguageStep: _language, CallerStep: _caller, CollectStep: collect, IdentifyStep: identify,
    QueueStep: _queue, DialStep: _dial, HttpStep: _http, SmsStep: _sms, MailStep: _email, RecordStep: _record,
    SurveyStep: survey, CallbackStep: _callback, CallStep: _call, HangupStep: _hang_up,
}  # fmt: skip
# What is not done again when a restart interrupts the branch.
LASTING: Final = frozenset(
    {SetStep, CallerStep, CollectStep, IdentifyStep, HttpStep, SmsStep, MailStep, SurveyStep, RecordStep}
)
