"""What is known of a caller while menus lead them, and what the names in expressions mean for them.

The call itself knows who calls and since when; a `Visitor` adds what menus have found out: variables, the customer's card,
how urgent the caller is. Facts about the site are asked for at the moment that an expression is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch.events import CustomerIdentified, Event
from softswitch.expression import ExpressionError, Value, evaluate, fill, names, parse, truth

if TYPE_CHECKING:
    from datetime import datetime

    from softswitch.call.facts import Card, Facts
    from softswitch.call.menu import Site

MAX_VARIABLES: Final = 200  # of one call
MAX_VALUE: Final = 4_000  # characters of one


class Subject(Protocol):
    """The call as menus see it."""

    @property
    def id(self) -> str: ...
    @property
    def caller_number(self) -> str: ...
    @property
    def caller_name(self) -> str: ...
    @property
    def hidden(self) -> bool: ...
    @property
    def dialled(self) -> str: ...
    @property
    def trunk(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def started(self) -> float: ...
    @property
    def context(self) -> dict[str, str]: ...


@dataclass(slots=True)
class Somebody:
    """A caller without a call: for trying out menus."""

    id: str = ""
    caller_number: str = ""
    caller_name: str = ""
    hidden: bool = False
    dialled: str = ""
    trunk: str = ""
    language: str = "en"
    started: float = 0.0
    context: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Visitor:
    """One caller in the menus. `publish`, `send`: where events about them and errands go."""

    subject: Subject
    publish: Callable[[Event], None] = lambda event: None
    send: Callable[[object], None] = lambda errand: None  # effects that the call does not wait for
    talked_to: Callable[[], tuple[str, str]] = lambda: ("", "")  # the queue and the agent of the conversation before
    variables: dict[str, Value] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)  # variables whose values stand nowhere
    priority: int = 0
    prompts: str = ""  # a set of the site's own clips, searched first
    record: str = ""  # "on" | "off" whatever the queue says
    shown_name: str = ""  # how whoever is rung sees them; "" = as they are
    shown_number: str = ""
    typed: str = ""
    http: tuple[str, int] = ("", 0)  # result and status of the last request
    found: bool = False  # whether the card was looked for
    card: Card | None = None
    hops: int = 0  # menus and flows that were begun
    errands: int = 0  # that were sent on their way

    def errand(self) -> str:
        """A name for what somebody else is to do in the call's name. Its beginning is the call."""
        self.errands += 1
        return f"{self.subject.id}/{self.errands}"

    def set(self, name: str, value: Value, *, secret: bool = False) -> None:
        """Set a variable. More than there may be are not kept."""
        if name in self.variables or len(self.variables) < MAX_VARIABLES:
            self.variables[name] = value[:MAX_VALUE] if isinstance(value, str) else value
        if secret:
            self.secrets.add(name)
        else:
            self.secrets.discard(name)

    def customer(self, facts: Facts) -> Card | None:
        """The card: that of whoever the call was found to be from, else of the caller's number."""
        subject = self.subject
        known = subject.context.get("customer", "")
        if not self.found or known != self.customer_id:
            self.found = True
            number = "" if subject.hidden else subject.caller_number
            customers = facts.customers
            self.card = customers.by_value("id", known) if known else customers.by_number(number) if number else None
        return self.card

    def identified(self, card: Card, name: str) -> None:
        """They have typed what stands on a card in the field `name`."""
        self.found, self.card = True, card
        if self.customer_id:
            self.subject.context["customer"] = self.customer_id
        self.publish(CustomerIdentified(self.subject.id, self.customer_id, "typed", name))

    @property
    def customer_id(self) -> str:
        return str(self.card.get("id") or "") if self.card is not None else ""

    # --- restart -----------------------------------------------------------------------------------------------------

    def keep(self) -> dict[str, Any] | None:
        """As JSON values, secrets left out; None if there is nothing to keep."""
        kept: dict[str, Any] = {}
        if plain := {str(name): _kept(value) for name, value in self.variables.items() if name not in self.secrets}:
            kept["variables"] = plain
        for name in ("priority", "prompts", "record", "shown_name", "shown_number", "typed"):
            if value := getattr(self, name):
                kept[name] = value
        return kept or None

    def restore(self, kept: Mapping[str, Any]) -> None:
        """What `keep` gave. Raises what damaged data raises."""
        self.variables = {str(name): _plain(value) for name, value in kept.get("variables", {}).items()}
        self.priority = int(kept.get("priority", 0))
        self.prompts, self.record = str(kept.get("prompts", "")), str(kept.get("record", ""))
        self.typed = str(kept.get("typed", ""))
        self.shown_name, self.shown_number = str(kept.get("shown_name", "")), str(kept.get("shown_number", ""))


def _kept(value: Any) -> Value:
    """A variable as JSON has it: a flow in Python may put anything there."""
    return value if value is None or isinstance(value, bool | str | float | int) else str(value)[:MAX_VALUE]


GONE: Final = Visitor(Somebody())  # of calls that are over: those are not kept alive by what they knew


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, bool | str):
        return value
    return float(value)


class Scope:
    """The names of an expression at one moment."""

    __slots__ = ("now", "site", "visitor")

    def __init__(self, visitor: Visitor, site: Site, now: float) -> None:
        self.visitor = visitor
        self.site = site
        self.now = now

    def __call__(self, path: tuple[str, ...]) -> Value:
        root = path[0]
        read = READERS.get(root)
        if read is not None:
            return read(self, path[1:])
        return self.visitor.variables.get(root) if len(path) == 1 else None

    # --- computing -----------------------------------------------------------------------------------------------------

    def value(self, expression: str) -> Value:
        """Raises ExpressionError."""
        return evaluate(parse(expression), self)

    def holds(self, condition: str) -> bool:
        return truth(self.value(condition))

    def text(self, template: str, quote: Callable[[str], str] = str) -> str:
        return fill(template, self, quote)

    def number(self, expression: str, least: float, most: float) -> float:
        """A number within bounds; 0 where it is not known."""
        value = self.value(expression) if expression else None
        if not isinstance(value, bool) and isinstance(value, float | int):
            return min(max(float(value), least), most)
        return float(truth(value))

    def is_secret(self, expression: str) -> bool:
        """Whether a secret variable stands in it."""
        try:
            return any(name.path[-1] in self.visitor.secrets for name in names(parse(expression)))
        except ExpressionError:
            return False

    @property
    def local(self) -> datetime:
        return self.site.facts.local(self.now)

    @property
    def number_of_caller(self) -> str:
        subject = self.visitor.subject
        return "" if subject.hidden else subject.caller_number


# --- what each name means ------------------------------------------------------------------------------------------


LATELY: Final = {"calls_hour": 1.0, "calls_day": 24.0, "calls_week": 168.0}  # hours


def _caller(scope: Scope, path: tuple[str, ...]) -> Value:
    visitor, subject = scope.visitor, scope.visitor.subject
    name = path[0] if path else "number"
    if name == "number":
        return scope.number_of_caller or None
    if name == "name":
        return subject.caller_name or None
    if name == "anonymous":
        return not scope.number_of_caller or subject.caller_number == "anonymous"
    if name in ("inside", "account"):
        inside = not subject.trunk and subject.caller_number in scope.site.directory.accounts
        return inside if name == "inside" else subject.caller_number if inside else None
    if name in ("calls_today", "repeat"):
        number = scope.number_of_caller
        calls = scope.site.facts.history.calls_today(number, scope.local) if number else 0
        return calls > 0 if name == "repeat" else float(calls)
    if name in LATELY:
        number = scope.number_of_caller
        return float(scope.site.facts.history.calls_within(number, LATELY[name], scope.local)) if number else 0.0
    return float(visitor.priority) if name == "priority" else None


def _call(scope: Scope, path: tuple[str, ...]) -> Value:
    subject = scope.visitor.subject
    name = path[0] if path else ""
    if name == "seconds":
        return scope.now - subject.started
    return {"dialled": subject.dialled, "language": subject.language, "trunk": subject.trunk or None}.get(name)


def _customer(scope: Scope, path: tuple[str, ...]) -> Value:
    card = scope.visitor.customer(scope.site.facts)
    if not path or path[0] == "known":
        return card is not None
    return card.get(path[0]) if card is not None else None


def _manager(scope: Scope, path: tuple[str, ...]) -> Value:
    card = scope.visitor.customer(scope.site.facts)
    name = card.get("manager") if card is not None else None
    if not name or not isinstance(name, str):
        return None
    return name if not path or path[0] == "name" else _agent(scope, (name, *path))


def _queue(scope: Scope, path: tuple[str, ...]) -> Value:
    found = scope.site.facts.queues.queue(path[0], scope.now) if len(path) == 2 else None
    return found.get(path[1]) if found is not None else None


def _agent(scope: Scope, path: tuple[str, ...]) -> Value:
    found = scope.site.facts.queues.agent(path[0], scope.now) if len(path) == 2 else None
    return found.get(path[1]) if found is not None else None


def _hours(scope: Scope, path: tuple[str, ...]) -> Value:
    return scope.site.is_open(path[0]) if len(path) == 1 else None


def _opens(scope: Scope, path: tuple[str, ...]) -> Value:
    at = scope.site.facts.opening(path[0], scope.now) if len(path) == 1 else None
    return f"{at.astimezone(scope.local.tzinfo):%Y-%m-%d %H:%M}" if at is not None else None


def _list(scope: Scope, path: tuple[str, ...]) -> Value:
    number = scope.number_of_caller
    return bool(number) and len(path) == 1 and scope.site.facts.lists.holds(path[0], number, scope.local)


def _http(scope: Scope, path: tuple[str, ...]) -> Value:
    result, status = scope.visitor.http
    return float(status) if path == ("status",) else result or None


def _var(scope: Scope, path: tuple[str, ...]) -> Value:
    return scope.visitor.variables.get(path[0]) if len(path) == 1 else None


READERS: Final[Mapping[str, Callable[[Scope, tuple[str, ...]], Value]]] = {
    "caller": _caller, "call": _call, "customer": _customer, "manager": _manager, "queue": _queue, "agent": _agent,
    "hours": _hours, "opens": _opens, "list": _list, "http": _http, "var": _var,
    "typed": lambda scope, path: scope.visitor.typed or None,
    "time": lambda scope, path: scope.local.strftime("%H:%M"),
    "date": lambda scope, path: scope.local.date().isoformat(),
    "weekday": lambda scope, path: float(scope.local.isoweekday()),
    "day": lambda scope, path: float(scope.local.day),
    "month": lambda scope, path: float(scope.local.month),
    "hour": lambda scope, path: float(scope.local.hour),
    "minute": lambda scope, path: float(scope.local.minute),
}  # fmt: skip
