"""Menus: the flows of calls.

A menu is a tree of named branches. Each branch has steps that run in order without a key (IVR-02); the one that is named
nothing (`Menu.steps`) is where callers come in. Destinations are strings: "queue:NAME", "extension:USER", "menu:NAME",
"menu:NAME:BRANCH", "flow:NAME" (written in Python), "group:NAME", "conference:NAME", "hangup", "echo", "music:CLASS",
"play:CLIP" (play, then hang up), "voicemail:BOX" (leave a message; "voicemail:BOX:busy" with the greeting of who is on the
phone), "mailbox:BOX" (open it), "mailbox:*" (ask which), "callback:QUEUE", "outside:+48...";
and inside menus "branch:NAME" (of the same menu),
"back" (where the caller was before the last key), "repeat" (this branch again), "return" (behind the step that called this
branch), "next" (the next step). Where a destination may be "", that means the next step, too.

Conditions and values are expressions (`softswitch.expression`); texts may hold them in braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

INSIDE: Final = ("back", "repeat", "return", "next")  # destinations that mean something inside menus only
MAIN: Final = ""  # the branch where callers come in


@dataclass(slots=True, frozen=True)
class PlayStep:
    """Play clips, uninterrupted unless `interruptible` (a digit typed during it counts for the next choice)."""

    clips: tuple[str, ...]
    interruptible: bool = True


@dataclass(slots=True, frozen=True)
class SayStep:
    """Say a value in the caller's language. `kind`: "number" | "digits" | "date" | "time" | "moment" (both) | "wait" (an
    estimate, from seconds) | "waiting" (how many callers)."""

    kind: str
    value: str = ""  # an expression; "" = now
    interruptible: bool = True


@dataclass(slots=True, frozen=True)
class ChoiceStep:
    """Ask for a key (IVR-01): prompt, wait, branch; `*` goes back and `#` repeats unless they are choices themselves.

    Choices may have several digits; with `extensions` the number of an account or extension rings it (IVR-17).
    """

    clips: tuple[str, ...]
    choices: Mapping[str, str]  # digits -> destination
    timeout: float = 5.0  # seconds to the first key after the prompt
    attempts: int = 3
    on_invalid: tuple[str, ...] = ("not-understood",)  # clips
    on_timeout: tuple[str, ...] = ()  # clips
    otherwise: str = "hangup"  # destination after the last attempt
    invalid: str = ""  # ... if a wrong key was pressed then; "" = otherwise
    silent: str = ""  # ... if none was; "" = otherwise
    inter_digit: float = 2.0  # seconds between keys, where a choice has several
    extensions: bool = False  # whoever knows the number of somebody may type it


@dataclass(slots=True, frozen=True)
class HoursStep:
    """Go on when the scheme is open, else go to `closed`."""

    hours: str
    closed: str


@dataclass(slots=True, frozen=True)
class GotoStep:
    """Leave for a destination."""

    destination: str


@dataclass(slots=True, frozen=True)
class IfStep:
    """Go to `then` where the condition is true, else to `otherwise` (IVR-06, 08, 09, 15)."""

    condition: str
    then: str = ""
    otherwise: str = ""


@dataclass(slots=True, frozen=True)
class SwitchStep:
    """Go where the value of an expression leads."""

    value: str
    cases: Mapping[str, str]  # value as text -> destination
    otherwise: str = ""


@dataclass(slots=True, frozen=True)
class SetStep:
    """Set variables of the call, one after the other."""

    values: Mapping[str, str]  # name -> expression


@dataclass(slots=True, frozen=True)
class LanguageStep:
    """The clips that follow are of this language, and of this prompt set (IVR-14)."""

    language: str = ""  # a text that may hold expressions; "" = as before
    prompts: str = ""


@dataclass(slots=True, frozen=True)
class CallerStep:
    """Change how the caller is shown to whoever is rung, or how urgent they are: "name", "number" (texts), "priority"."""

    caller: Mapping[str, str]


@dataclass(slots=True, frozen=True)
class CollectStep:
    """Ask for digits and keep them in a variable. Those of a secret one stand in no log, event or record."""

    variable: str
    clips: tuple[str, ...] = ()
    min: int = 1
    max: int = 20
    terminator: str = "#"
    timeout: float = 5.0  # seconds to the first key after the prompt
    inter_digit: float = 3.0  # ... between keys
    attempts: int = 3
    secret: bool = False
    on_invalid: tuple[str, ...] = ("not-understood",)  # clips, when there were too few
    on_timeout: tuple[str, ...] = ()  # clips, when there were none
    otherwise: str = ""  # destination after the last attempt


@dataclass(slots=True, frozen=True)
class IdentifyStep:
    """Ask for a number that stands on the customer's card and find the card by it (IVR-11)."""

    name: str  # of the card's field
    clips: tuple[str, ...] = ()
    min: int = 1
    max: int = 20
    terminator: str = "#"
    timeout: float = 5.0
    inter_digit: float = 3.0
    attempts: int = 3
    secret: bool = False
    on_unknown: tuple[str, ...] = ("not-understood",)  # clips
    found: str = ""  # destination
    otherwise: str = ""  # destination after the last attempt


@dataclass(slots=True, frozen=True)
class QueueStep:
    """Wait in a queue (ACD-22, 23, 24)."""

    queue: str
    priority: str = ""  # an expression; "" = that of the call
    wait_credit: str = ""  # an expression: seconds that count as waited, such as "call.seconds"
    agent: str = ""  # a text: the agent to be tried first, such as "{customer.manager}"
    skills: Mapping[str, int] = field(default_factory=dict)  # skill -> level that the caller asks of an agent (ACD-19)


@dataclass(slots=True, frozen=True)
class DialStep:
    """Ring somebody, and go on if that fails. Without any destination for it the caller is told why, and hung up on."""

    destination: str  # "extension:USER" | "group:NAME" | "outside:NUMBER"
    timeout: float = 0.0  # seconds of ringing; 0 = as long as always
    busy: str = ""
    no_answer: str = ""
    otherwise: str = ""


@dataclass(slots=True, frozen=True)
class HttpStep:
    """Ask a web service, with music for the caller meanwhile (IVR-13).

    Afterwards `http.result` is "ok", "timeout", "failed", "refused" or "disabled", and `http.status` the status.
    """

    url: str  # a text; values in it are escaped
    method: str = "GET"
    timeout: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict)  # texts
    body: str = ""  # a text
    fields: Mapping[str, str] = field(default_factory=dict)  # name -> expression: the body as a JSON object
    save: Mapping[str, str] = field(
        default_factory=dict
    )  # variable -> where it stands in a JSON answer: "customer.items.0.id"
    results: Mapping[str, str] = field(default_factory=dict)  # status such as "404", "4xx" -> destination
    failed: str = ""  # destination when there is no answer, or one of 400 and more that `results` does not name


@dataclass(slots=True, frozen=True)
class SmsStep:
    """Send an SMS."""

    text: str
    to: str = "{caller.number}"


@dataclass(slots=True, frozen=True)
class MailStep:
    """Send an e-mail."""

    to: str
    subject: str
    text: str = ""


@dataclass(slots=True, frozen=True)
class RecordStep:
    """Whether the conversation that follows is recorded, whatever its queue says: "on" | "off"."""

    record: str


@dataclass(slots=True, frozen=True)
class SurveyStep:
    """Ask for a mark (IVR-16)."""

    survey: str  # its name
    question: str = ""  # ... of the question, where there are several
    clips: tuple[str, ...] = ()
    lowest: int = 1
    highest: int = 5
    timeout: float = 5.0
    attempts: int = 2
    on_invalid: tuple[str, ...] = ("not-understood",)  # clips


@dataclass(slots=True, frozen=True)
class CallbackStep:
    """Let the caller ask to be called back by a queue: they confirm their number, or type another one (OUT-01)."""

    queue: str


@dataclass(slots=True, frozen=True)
class CallStep:
    """Run a branch that others share, and come back behind this step (IVR-03)."""

    branch: str  # "branch:NAME" | "menu:NAME" | "menu:NAME:BRANCH"


@dataclass(slots=True, frozen=True)
class HangupStep:
    """Hang up. `cause` stands in the record of the call."""

    cause: str


Step: TypeAlias = (
    PlayStep | SayStep | ChoiceStep | HoursStep | GotoStep | IfStep | SwitchStep | SetStep | LanguageStep | CallerStep
    | CollectStep | IdentifyStep | QueueStep | DialStep | HttpStep | SmsStep | MailStep | RecordStep | SurveyStep
    | CallbackStep | CallStep | HangupStep
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Menu:
    """A named call flow. `language` chooses the prompt set; "" = the caller's."""

    name: str
    steps: tuple[Step, ...]
    language: str = ""
    prompts: str = ""  # a set of the site's own clips, searched before the usual ones; "" = as before
    branches: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    def branch(self, name: str) -> tuple[Step, ...] | None:
        """Its steps, None if there is none of that name."""
        return self.branches.get(name) if name else self.steps


@dataclass(slots=True, frozen=True)
class Number:
    """What callers of one of our numbers hear (IVR-12), beside where its trunk or extension leads."""

    number: str  # as its trunk has it, or as it is dialled inside
    title: str = ""  # shown to agents
    language: str = ""  # of the prompts; "" = the site's
    prompts: str = ""  # a set of the site's own clips


def node(menu: str, branch: str = MAIN) -> str:
    """How a branch is called in records: "hotline", "hotline:closed"."""
    return f"{menu}:{branch}" if branch else menu
