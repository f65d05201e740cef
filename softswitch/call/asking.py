"""Steps of menus that ask the caller for keys: choices, numbers, who they are, marks."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Final

from softswitch.call.flow import Gather, Mark, Play, Step
from softswitch.call.moves import Acting, Move
from softswitch.call.routing import Refusal, route
from softswitch.events import SurveyAnswered

if TYPE_CHECKING:
    from softswitch.call.tree import Walk
    from softswitch.directory import Directory
    from softswitch.directory.menus import ChoiceStep, CollectStep, IdentifyStep, SurveyStep

MAX_REPEATS: Final = 20  # of one choice by `#`
BACK, AGAIN = "*", "#"
# What whoever dials by extension may reach: nobody gets to the outside or into a mailbox by it.
REACHABLE: Final = frozenset(
    {"account", "group", "queue", "menu", "flow", "conference", "voicemail", "play", "echo", "music"}
)


def choice(step: ChoiceStep, at: Walk) -> Acting:
    """Ask for keys until they mean something (IVR-01). `#` repeats and does not count as an attempt, up to a limit."""
    attempts = repeats = 0
    typed = ""
    while attempts < max(1, step.attempts):
        typed = yield from _keys(step, at.site.directory)
        target = step.choices.get(typed) if typed else None
        if target is None and step.extensions and reachable(typed, at.site.directory):
            target = f"extension:{typed}"
        if target is not None:
            at.visitor.typed = typed
            yield Mark("choice", typed)
            return Move(target, keyed=True)
        if typed == BACK and at.child:
            return Move("back", keyed=True)
        if typed == AGAIN and repeats < MAX_REPEATS:
            repeats += 1
            continue
        attempts += 1
        clips = step.on_invalid if typed else step.on_timeout
        if clips and attempts < step.attempts:
            yield Play(clips)
    yield Mark("no_choice")
    return Move((step.invalid if typed else step.silent) or step.otherwise)


def _keys(step: ChoiceStep, directory: Directory) -> Generator[Step, str, str]:
    """The keys of one attempt: no more than can still mean something."""
    typed = yield Gather(step.clips, step.timeout)
    while typed and typed not in (BACK, AGAIN) and _may_go_on(typed, step, directory):
        key = yield Gather((), step.inter_digit)
        if not key or (key == AGAIN and typed + key not in step.choices):
            break
        typed += key
    return typed


def _may_go_on(typed: str, step: ChoiceStep, directory: Directory) -> bool:
    if _begins(typed, step.choices):
        return True
    return step.extensions and (_begins(typed, directory.extensions) or _begins(typed, directory.accounts))


def _begins(typed: str, among: Iterable[str]) -> bool:
    return any(len(one) > len(typed) and one.startswith(typed) for one in among)


def reachable(typed: str, directory: Directory) -> bool:
    """Whether these digits are somebody's here, whom a caller may reach by dialling them (IVR-17)."""
    if typed not in directory.extensions and typed not in directory.accounts:
        return False
    target = route(typed, directory)
    return not isinstance(target, Refusal) and target.kind in REACHABLE


def collect(step: CollectStep, at: Walk) -> Acting:
    """Ask for digits and keep them."""
    for attempt in range(step.attempts):
        typed = yield Gather(
            step.clips, step.timeout, step.max, step.inter_digit, step.terminator, secret=step.secret,
        )  # fmt: skip
        if typed == BACK and at.child:
            return Move("back", keyed=True)
        if _is_number(typed, step.min):
            at.visitor.set(step.variable, typed, secret=step.secret)
            yield Mark("collected", step.variable)
            return Move(keyed=True)
        clips = step.on_invalid if typed else step.on_timeout
        if clips and attempt + 1 < step.attempts:
            yield Play(clips, secret=step.secret)
    yield Mark("not_collected", step.variable)
    return Move(step.otherwise)


def identify(step: IdentifyStep, at: Walk) -> Acting:
    """Find the customer's card by what they type (IVR-11)."""
    customers = at.site.facts.customers
    for attempt in range(step.attempts):
        typed = yield Gather(
            step.clips, step.timeout, step.max, step.inter_digit, step.terminator, secret=step.secret,
        )  # fmt: skip
        if typed == BACK and at.child:
            return Move("back", keyed=True)
        card = customers.by_value(step.name, typed) if _is_number(typed, step.min) else None
        if card is not None:
            at.visitor.identified(card, step.name)
            yield Mark("identified", step.name)
            return Move(step.found, keyed=True)
        if step.on_unknown and attempt + 1 < step.attempts:
            yield Play(step.on_unknown, secret=step.secret)
    yield Mark("not_identified", step.name)
    return Move(step.otherwise)


def _is_number(typed: str, least: int) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) >= least


def survey(step: SurveyStep, at: Walk) -> Acting:
    """Ask for a mark (IVR-16). Whoever gives none goes on as well."""
    for attempt in range(step.attempts):
        typed = yield Gather(step.clips, step.timeout, len(str(step.highest)), terminator="#")
        if _is_number(typed, 1) and step.lowest <= int(typed) <= step.highest:
            _answered(step, int(typed), at)
            yield Mark("survey", f"{step.survey} {typed}")
            return Move(keyed=True)
        if step.on_invalid and typed and attempt + 1 < step.attempts:
            yield Play(step.on_invalid)
    yield Mark("no_survey", step.survey)
    return Move()


def _answered(step: SurveyStep, score: int, at: Walk) -> None:
    visitor = at.visitor
    queue, agent = visitor.talked_to()
    visitor.publish(
        SurveyAnswered(visitor.subject.id, step.survey, step.question, score, queue, agent, visitor.customer_id)
    )
