"""Call flows in Python (IVR-19): the words that a flow is written with.

A flow is a generator function that is given the caller, yields what they are to experience, and gets the result of each:

    from softswitch.flows import Ask, Hangup, Play, Queue, flow

    @flow("orders")
    def orders(caller):
        typed = yield Ask("enter-number", digits=6)
        if not typed:
            yield Play("not-understood")
        yield Queue("sales", priority=5 if typed.startswith("9") else 0)

No `async`, no clock, no sockets: what takes time is a word (`Http`), what is known is asked of the caller object. A flow whose
last word was said goes on to `hangup`. `flow:orders` is then a destination like any other. docs/flows.md has the whole story.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from softswitch.expression import Value

MARK = "__softswitch_flow__"  # where a function carries its name and fallback


class Caller(Protocol):
    """Who is led by a flow."""

    @property
    def number(self) -> str:
        """ "" if they do not show it."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def dialled(self) -> str:
        """The number of ours that was called."""
        ...

    @property
    def language(self) -> str: ...

    @property
    def call(self) -> str:
        """The id of the call, as it stands in events and records."""
        ...

    @property
    def variables(self) -> MutableMapping[str, Value]:
        """Those of the menus. Texts, numbers, truths; what is here survives a restart of the switch, the flow begins anew."""
        ...

    @property
    def customer(self) -> Mapping[str, Value] | None:
        """The card of the customer, None if the caller is not known."""
        ...

    def value(self, expression: str) -> Value:
        """An expression as menus have them, now: `caller.value("queue.sales.waiting")`. Raises ExpressionError."""
        ...

    def identify(self, field: str, value: str) -> bool:
        """Find the customer's card by one of its fields; whether there is one."""
        ...


# --- words ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True, init=False)
class Play:
    """Play clips. Result: "", or the key that cut them short; the next `Ask` gets it, too."""

    clips: tuple[str, ...]
    interruptible: bool

    def __init__(self, *clips: str, interruptible: bool = True) -> None:
        self.clips = clips
        self.interruptible = interruptible


@dataclass(slots=True)
class Say:
    """Say a value in the caller's language. `kind`: "number", "digits", "date", "time", "moment", "wait", "waiting"."""

    kind: str
    value: Value


@dataclass(slots=True)
class Ask:
    """Play clips, then wait for keys. Result: what was typed, "" if nothing was. Times in seconds."""

    prompt: str | tuple[str, ...] = ()
    digits: int = 1  # at most
    timeout: float = 5.0  # to the first key
    inter_digit: float = 3.0  # ... between keys
    terminator: str = "#"  # ends the input early
    secret: bool = False  # the keys stand in no log, event or record


@dataclass(slots=True)
class Language:
    """The clips that follow are of this language, and of this prompt set of the site. No result."""

    language: str = ""
    prompts: str = ""


@dataclass(slots=True)
class Present:
    """Whoever is rung sees the caller like this. No result."""

    name: str | None = None
    number: str | None = None
    priority: int | None = None  # in queues


@dataclass(slots=True)
class Dial:
    """Ring "extension:USER", "group:NAME" or "outside:NUMBER". Result: how it failed ("busy", "no_answer" ...); success ends
    the flow."""

    destination: str
    timeout: float = 0.0  # seconds; 0 = as long as always


@dataclass(slots=True)
class Queue:
    """Wait in a queue. Ends the flow."""

    queue: str
    priority: int | None = None  # None: that of the call
    wait_credit: float = 0.0  # seconds that count as waited already
    agent: str = ""  # who is tried first
    skills: Mapping[str, int] = field(default_factory=dict)  # skill -> level that the caller asks of an agent


@dataclass(slots=True)
class Goto:
    """Go on at any destination of the site: "menu:hotline", "voicemail:101", "flow:other". Ends the flow."""

    destination: str


@dataclass(slots=True)
class Hangup:
    """Hang up. `cause` stands in the record of the call."""

    cause: str = "normal"


@dataclass(slots=True)
class Reply:
    """What became of an `Http`: `result` "ok" (an answer came, whatever its status), "timeout", "failed", "refused" (the
    service failed too often and is left alone for a while), "disabled"."""

    result: str
    status: int = 0
    body: bytes = b""

    def __bool__(self) -> bool:
        """Whether it went well."""
        return self.result == "ok" and 200 <= self.status < 400

    def json(self) -> Any:
        """The body, None if it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(slots=True)
class Http:
    """Ask a web service, with music for the caller meanwhile. Result: a `Reply`."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    json: Any = None  # in place of `body`
    timeout: float = 5.0  # seconds


@dataclass(slots=True)
class Sms:
    """Send an SMS. No result: the flow does not wait."""

    to: str
    text: str


@dataclass(slots=True)
class Mail:
    """Send an e-mail. No result: the flow does not wait."""

    to: str
    subject: str
    text: str


@dataclass(slots=True)
class Survey:
    """The caller has given a mark (`survey.answered`). No result."""

    survey: str
    score: int
    question: str = ""


@dataclass(slots=True)
class Note:
    """A node of the path that stands in the call's record. No result."""

    text: str


Word: TypeAlias = (
    Play | Say | Ask | Language | Present | Dial | Queue | Goto | Hangup | Http | Sms | Mail | Survey | Note
)  # fmt: skip
Flow: TypeAlias = Generator[Word, Any, None]
Function = TypeVar("Function", bound=Callable[..., Generator[Any, Any, Any]])


def flow(name: str = "", *, fallback: str = "") -> Callable[[Function], Function]:
    """Make a generator function a flow of this name ("" = its own).

    `fallback`: the destination of callers when the flow fails; "" = they are told that it is not possible now.
    """

    def register(function: Function) -> Function:
        setattr(function, MARK, (name or function.__name__, fallback))
        return function

    return register


def choose(
    prompt: str | tuple[str, ...], keys: Mapping[str, Any], *, attempts: int = 3, invalid: str = "not-understood",
    timeout: float = 5.0, otherwise: Any = None,
) -> Generator[Word, Any, Any]:  # fmt: skip
    """`answer = yield from choose("menu", {"1": "sales", "2": "service"})`: ask for a key until it means something."""
    for attempt in range(attempts):
        typed = yield Ask(prompt, max(map(len, keys)), timeout)
        if typed in keys:
            return keys[typed]
        if typed and attempt + 1 < attempts:
            yield Play(invalid)
    return otherwise
