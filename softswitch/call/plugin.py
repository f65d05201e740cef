"""Flows that somebody wrote in Python: their words become steps, and their faults never become the caller's.

An exception in a flow, a word that is none, or thousands of words without one that waits: an event tells of it, and the caller
goes on at the flow's fallback.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from softswitch import flows
from softswitch.call.flow import Dial, Do, EnterQueue, Fetch, Gather, Hangup, Language, Mark, Play, Present, Step
from softswitch.call.routing import Destination, Refusal, parse, route
from softswitch.call.saying import KINDS, said
from softswitch.call.visitor import Scope
from softswitch.call.web import SCHEMES
from softswitch.directory import Need
from softswitch.effects import SendMail, SendText
from softswitch.events import FlowProblem, SurveyAnswered
from softswitch.expression import Value

if TYPE_CHECKING:
    from softswitch.call.facts import Card
    from softswitch.call.menu import Site
    from softswitch.call.visitor import Visitor

MAX_RUSH: Final = 300  # words without one that waits
MAX_DIGITS: Final = 64
RINGABLE: Final = ("account", "group", "outside")


@dataclass(slots=True, frozen=True)
class Plugin:
    """A flow in Python. `fallback`: a destination, "" = the caller is told that it is not possible now."""

    name: str
    function: Callable[[Any], Generator[Any, Any, Any]]
    fallback: str = ""
    source: str = ""  # where it comes from, for people


class Guest:
    """A caller as a flow sees them (`flows.Caller`)."""

    __slots__ = ("_scope", "_site", "_visitor")

    def __init__(self, site: Site, visitor: Visitor) -> None:
        self._site = site
        self._visitor = visitor
        self._scope = Scope(visitor, site, visitor.subject.started)

    @property
    def number(self) -> str:
        return self._scope.number_of_caller

    @property
    def name(self) -> str:
        return self._visitor.subject.caller_name

    @property
    def dialled(self) -> str:
        return self._visitor.subject.dialled

    @property
    def language(self) -> str:
        return self._visitor.subject.language

    @property
    def call(self) -> str:
        return self._visitor.subject.id

    @property
    def variables(self) -> MutableMapping[str, Value]:
        return self._visitor.variables

    @property
    def customer(self) -> Card | None:
        return self._visitor.customer(self._site.facts)

    def value(self, expression: str) -> Value:
        return self._scope.value(expression)

    def identify(self, field: str, value: str) -> bool:
        card = self._site.facts.customers.by_value(field, value)
        if card is not None:
            self._visitor.identified(card, field)
        return card is not None

    def tick(self, now: float) -> str:
        """The flow goes on at this moment."""
        self._scope.now = now
        return ""


class Ended(Exception):
    """The flow has said its last word: `to` is where the caller goes on, None if the word itself has ended the walk."""

    def __init__(self, to: Destination | None) -> None:
        self.to = to


class NotUnderstood(Exception):
    """A word that is none, or does not make sense."""


def run(name: str, site: Site, visitor: Visitor, way: Sequence[str] = ()) -> Generator[Step, str, Destination | None]:
    """Lead a caller through a flow. Returns the destination where they go on, None if they do not."""
    plugin = site.flows.get(name)
    if plugin is None:
        yield Mark("unknown_flow", name)
        return _fallback("")
    yield Mark("flow", name)
    guest = Guest(site, visitor)
    trouble = ""
    yield Do(guest.tick)
    spoken: Generator[Any, Any, Any] | None = None
    try:
        spoken = plugin.function(guest)
        to = yield from _speak(spoken, guest, site, visitor)
    except Ended as ended:
        return ended.to
    except Exception as error:  # Whatever a plug-in raises is the plug-in's, not the call's.
        trouble = f"{type(error).__name__}: {error}"[:200]
    else:
        return to
    finally:
        if spoken is not None:
            with suppress(Exception):
                spoken.close()
    visitor.publish(FlowProblem(visitor.subject.id, f"flow:{name}", "plugin", trouble))
    yield Mark("flow_failed", name)
    return _fallback(plugin.fallback)


def _fallback(destination: str) -> Destination:
    return parse(destination or "play:unavailable")


def _speak(
    spoken: Generator[Any, Any, Any], guest: Guest, site: Site, visitor: Visitor
) -> Generator[Step, str, Destination | None]:
    result: Any = None
    rush = 0
    while True:
        try:
            word = spoken.send(result)
        except StopIteration:
            return Destination("hangup")
        say = WORDS.get(type(word))
        if say is None:
            raise NotUnderstood(f"{word!r} is no word of softswitch.flows")
        rush = 0 if type(word) in WAITING else rush + 1
        if rush > MAX_RUSH:
            raise NotUnderstood(f"{MAX_RUSH} words without one that waits")
        result = yield from say(word, guest, site, visitor)
        yield Do(guest.tick)


# --- words ---------------------------------------------------------------------------------------------------------

Speaking = Generator[Step, str, Any]


def _clips(prompt: Any) -> tuple[str, ...]:
    clips = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    if not all(isinstance(one, str) for one in clips):
        raise NotUnderstood(f"{prompt!r} are no clips")
    return tuple(one for one in clips if one)


def _play(word: flows.Play, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    return (yield Play(_clips(word.clips), word.interruptible))


def _say(word: flows.Say, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    if word.kind not in KINDS:
        raise NotUnderstood(f"{word.kind!r} is none of {', '.join(KINDS)}")
    clips = said(word.kind, word.value, guest._scope, True)
    return (yield Play(clips)) if clips else ""


def _ask(word: flows.Ask, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    digits = min(max(1, int(word.digits)), MAX_DIGITS)
    return (
        yield Gather(
            _clips(word.prompt),
            max(0.1, float(word.timeout)),
            digits,
            max(0.1, float(word.inter_digit)),
            word.terminator if digits > 1 else "",
            bool(word.secret),
        )
    )


def _language(word: flows.Language, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    visitor.prompts = word.prompts or visitor.prompts
    if word.language:
        yield Language(str(word.language))


def _present(word: flows.Present, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    if word.priority is not None:
        visitor.priority = int(word.priority)
    yield Present(word.name, word.number)


def _dial(word: flows.Dial, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    target: Destination | Refusal = parse(word.destination)
    yield Mark("destination", word.destination)
    if isinstance(target, Destination) and target.kind == "extension":
        target = route(target.name, site.directory)
    if isinstance(target, Refusal):
        return "not_found" if target.status == 404 else "failed"
    if target.kind not in RINGABLE:
        raise Ended(target)
    return (yield Dial(target.name, target.kind, target.detail, max(0.0, float(word.timeout))))


def _queue(word: flows.Queue, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    priority = visitor.priority if word.priority is None else int(word.priority)
    needs = tuple(Need(str(skill), int(level)) for skill, level in word.skills.items())
    yield EnterQueue(str(word.queue), priority, max(0.0, float(word.wait_credit)), str(word.agent), needs=needs)
    raise Ended(None)


def _goto(word: flows.Goto, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    yield Mark("destination", word.destination)
    raise Ended(parse(word.destination))


def _hang_up(word: flows.Hangup, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    yield Mark("destination", "hangup")
    yield Hangup(str(word.cause))
    raise Ended(None)


def _http(word: flows.Http, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    if not word.url.lower().startswith(SCHEMES) or any(ord(char) < 33 for char in word.url):
        raise NotUnderstood("a URL begins with http:// or https:// and has no blanks")
    headers = tuple((str(name), str(value)) for name, value in word.headers.items())
    if any(char in "\r\n" for pair in headers for one in pair for char in one):
        raise NotUnderstood("headers have no line breaks")
    body, method = bytes(word.body), word.method
    if word.json is not None:
        body = json.dumps(word.json).encode()
        headers = (*headers, ("Content-Type", "application/json"))
        method = "POST" if method == "GET" else method
    fetch = Fetch(word.url, method, headers, body, min(max(0.1, float(word.timeout)), 60.0))
    result = yield fetch
    return flows.Reply(result, fetch.status, fetch.answer)


def _sms(word: flows.Sms, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    visitor.send(SendText(visitor.errand(), visitor.subject.id, str(word.to), str(word.text)))
    yield Mark("sms")


def _mail(word: flows.Mail, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    to = tuple(one.strip() for one in word.to.split(",") if one.strip())
    subject = " ".join(word.subject.split())
    visitor.send(SendMail(visitor.errand(), visitor.subject.id, to, subject, str(word.text)))
    yield Mark("email")


def _survey(word: flows.Survey, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    queue, agent = visitor.talked_to()
    visitor.publish(
        SurveyAnswered(
            visitor.subject.id, word.survey, word.question, int(word.score), queue, agent, visitor.customer_id
        )
    )
    yield Mark("survey", f"{word.survey} {word.score}")


def _note(word: flows.Note, guest: Guest, site: Site, visitor: Visitor) -> Speaking:
    yield Mark("note", str(word.text)[:100])


WORDS: Final[dict[type, Callable[[Any, Guest, Site, Visitor], Speaking]]] = {
    flows.Play: _play, flows.Say: _say, flows.Ask: _ask, flows.Language: _language, flows.Present: _present,
    flows.Dial: _dial, flows.Queue: _queue, flows.Goto: _goto, flows.Hangup: _hang_up, flows.Http: _http, flows.Sms: _sms,
    flows.Mail: _mail, flows.Survey: _survey, flows.Note: _note,
}  # fmt: skip
WAITING: Final = frozenset({flows.Play, flows.Ask, flows.Dial, flows.Http})
