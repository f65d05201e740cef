"""Records what a queue engine is told, so that the same engine can be told it again (FEATURES B-1).

The engine is a machine: the same inputs at the same times, with the same random values, give the same decisions. A tape holds
exactly these, as plain values. It is cut into blocks that stand in the journal (`queue.tape`); `softswitch.sim.tape` reads them.

An entry is `[now, name, arguments, draws]`: `name` is the class of an item, or a method of the engine behind a dot; what is
empty at the end is left out. A checkpoint (`.checkpoint`) is a state from which a replay can begin: exact where the floor was
at rest.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from softswitch import callbacks, effects
from softswitch.decode import Problems, decode, encode
from softswitch.directory import Agent, Queue
from softswitch.effects import DeviceBusy, DeviceReachable
from softswitch.events import QueueTape
from softswitch.packing import PackingError, pack, unpack

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.machine import Entropy

KEPT: Final = 20_000  # inputs that wait to be taken; of more the oldest go, and the tape has a gap
BLOCK: Final = 256  # inputs of one event
CHECKPOINT_SECONDS: Final = 3_600.0  # at least between two checkpoints ...
BUSY_SECONDS: Final = 6 * 3_600.0  # ... and after that long one is made although calls go on
# Methods of the engine that take `now` and change nothing; every other one that takes it is an input.
READERS: Final = frozenset({
    "snapshot", "explain_caller", "explain_agent", "export_state", "standing", "publish", "prospect", "outlook_of",
})  # fmt: skip
PARTS: Final[Mapping[str, tuple[str, ...]]] = {"callbacks": ("voicemail",)}  # inputs that parts of the engine take
CHECKPOINT: Final = "checkpoint"
UNREADABLE: Final = "unreadable"
PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class Drawn:
    """Entropy whose values are noted, and a clock of opening hours whose changes are."""

    def __init__(self, entropy: Entropy) -> None:
        self.draws: list[Any] = []  # where they are noted: the entry of the input that happens now
        self.asked = 0  # questions about opening hours in this input
        self._entropy = entropy
        self._open: dict[str, bool] = {}

    def name(self) -> str:
        """A name that nothing else has."""
        return self._entropy.token()

    def token(self) -> str:
        value = self._entropy.token()
        self.draws.append(value)
        return value

    def below(self, n: int) -> int:
        value = self._entropy.below(n)
        self.draws.append(value)
        return value

    def is_open(self, ask: Callable[[str], bool]) -> Callable[[str], bool]:
        """The same question; an answer that is another than the last one is noted."""

        def asked(name: str) -> bool:
            value = ask(name)
            self.asked += 1
            if self._open.get(name) is not value:
                self._open[name] = value
                self.draws.append([name, value, self.asked])
            return value

        return asked

    def forget(self) -> None:
        """Note all answers anew: a replay begins here."""
        self._open = {}


class Tape:
    """The tape of one engine. `drawn` must be the engine's entropy."""

    def __init__(self, engine: Engine, drawn: Drawn) -> None:
        self.engine = engine
        self.life = ""  # tells this tape from those of other processes
        self.rankers: list[str] = []  # strategies of the site's own
        self.lost = 0  # inputs that nobody took in time
        self._drawn = drawn
        self._entries: deque[list[Any]] = deque()  # now, name, arguments, and one by one what was drawn
        self._first = 0  # number of the first entry that waits
        self._policy: dict[str, Any] = {}
        self._checked = -BUSY_SECONDS
        self.within = False  # an input: what it calls in turn is none
        _wrap(self, engine, "")
        for part, names in PARTS.items():
            for name in names:
                one = getattr(engine, part)
                setattr(one, name, _noted(self, getattr(one, name), f".{part}.{name}", name))

    # --- recording -----------------------------------------------------------------------------------------------------

    def note(self, now: float, name: str, arguments: Any) -> None:
        """An input is about to happen."""
        drawn = self._drawn
        drawn.draws = entry = [now, name, arguments]
        drawn.asked = 0
        self._entries.append(entry)
        if len(self._entries) > KEPT:
            self._entries.popleft()
            self._first += 1
            self.lost += 1

    def remember(self, policy: dict[str, Any]) -> None:
        """The policy that a checkpoint has to tell."""
        self._policy = policy

    # --- taking --------------------------------------------------------------------------------------------------------

    def take(self, now: float) -> list[QueueTape]:
        """What was recorded since the last time, in blocks. From time to time a checkpoint is among it."""
        if self._entries and self._due(now):
            self._check(now)
        blocks = []
        self.life = self.life or self._drawn.name()
        while self._entries:
            count = min(BLOCK, len(self._entries))
            inputs = tuple(readable(self._entries.popleft()) for _ in range(count))
            blocks.append(QueueTape(self.life, now, self._first, inputs))
            self._first += count
        return blocks

    @property
    def at_rest(self) -> bool:
        """Nobody waits, nobody talks: the state says everything."""
        visits = self.engine.visits
        return not (visits.callers or visits.interrupted or self.engine.dispatcher.offers)

    def _due(self, now: float) -> bool:
        since = now - self._checked
        return since >= BUSY_SECONDS or (since >= CHECKPOINT_SECONDS and self.at_rest)

    def _check(self, now: float) -> None:
        self._checked = now
        self._drawn.forget()
        devices = {
            name: [device.registered, device.outside] for name, device in self.engine.roster.devices.items()
        }  # fmt: skip
        known = {
            "state": self.engine.export_state(now), "devices": devices, "exact": self.at_rest, "rankers": self.rankers,
        }  # fmt: skip
        self.note(now, f".{CHECKPOINT}", {**self._policy, **known})


def _wrap(tape: Tape, target: Any, prefix: str) -> None:
    """Have every input of an object noted. Inputs that inputs call in turn are no inputs."""
    for name, method in inspect.getmembers(type(target), inspect.isfunction):
        parameters = inspect.signature(method).parameters
        if name.startswith("_") or "now" not in parameters or name in READERS:
            continue
        setattr(target, name, _noted(tape, getattr(target, name), f"{prefix}.{name}", name))


def _noted(tape: Tape, method: Callable[..., Any], path: str, name: str) -> Callable[..., Any]:
    note = tape.note
    if name == "handle":

        def handle(item: object, now: float) -> Any:
            if tape.within:
                return method(item, now)
            note(now, "", item)
            tape.within = True
            try:
                return method(item, now)
            finally:
                tape.within = False

        return handle
    bind = inspect.signature(method).bind

    def other(*positional: Any, **named: Any) -> Any:
        if tape.within:
            return method(*positional, **named)
        arguments = dict(bind(*positional, **named).arguments)
        now = arguments.pop("now")
        if name == "configure":
            arguments = packed_policy(**arguments)
            tape.remember(arguments)
        elif name == "plug_in":  # Functions are no values: whoever plays the tape has them, or has not.
            arguments = {"rankers": sorted(arguments["rankers"])}
            tape.rankers = arguments["rankers"]
        note(now, path, arguments)
        tape.within = True
        try:
            return method(*positional, **named)
        finally:
            tape.within = False

    return other


# --- plain values ----------------------------------------------------------------------------------------------------

ITEMS: Final[Mapping[str, type]] = {
    name: one for module in (effects, callbacks) for name, one in vars(module).items() if inspect.isclass(one)
}
_getters: dict[type, tuple[str, Callable[[Any], tuple[Any, ...]], tuple[Any, ...]]] = {}


def _getter(kind: type) -> tuple[str, Callable[[Any], tuple[Any, ...]], tuple[Any, ...]]:
    names = [one.name for one in fields(kind)]
    get = attrgetter(*names) if len(names) > 1 else (lambda item: tuple(getattr(item, name) for name in names))
    found = _getters[kind] = kind.__name__, get, tuple(one.default for one in fields(kind))
    return found


def encoded(entry: list[Any]) -> list[Any]:
    """An entry as JSON values. Fields of an item that have their default, at the end, are left out."""
    now, name, arguments, *draws = entry
    result: list[Any] = [now, name]
    if not name:
        kind = type(arguments)
        result[1], get, defaults = _getters.get(kind) or _getter(kind)
        values = [one if type(one) in PLAIN else pack(one) for one in get(arguments)]
        while values and values[-1] == defaults[len(values) - 1]:
            values.pop()
        result.append(values)
    elif arguments:
        result.append({key: one if type(one) in PLAIN else pack(one) for key, one in arguments.items()})
    if draws:
        result += [[] for _ in range(3 - len(result))]
        result.append(draws)
    return result


def readable(entry: list[Any]) -> list[Any]:
    """As `encoded`; an input of a kind that cannot be written is named, and no replay goes beyond it."""
    try:
        return encoded(entry)
    except PackingError as error:
        return [entry[0], f".{UNREADABLE}", {"name": entry[1] or type(entry[2]).__name__, "why": str(error)}]


def item_of(name: str, values: Collection[Any]) -> object:
    """The item of an entry. Raises KeyError for a class that this version does not know."""
    return ITEMS[name](*[unpack(one) for one in values])


def packed_policy(
    queues: Mapping[str, Any], agents: Mapping[str, Any], accounts: Container[str] | None = None
) -> dict[str, Any]:
    """The arguments of `Engine.configure`, as plain values."""
    names = None if accounts is None else sorted(accounts)  # type: ignore[call-overload]
    return {
        "queues": {name: encode(one) for name, one in queues.items()},
        "agents": {name: encode(one) for name, one in agents.items()},
        "accounts": names,
    }


def unpacked_policy(packed: Mapping[str, Any]) -> dict[str, Any]:
    """... and back. Raises ConfigError for what this version does not know."""
    accounts, problems = packed.get("accounts"), Problems("tape")
    queues = {name: decode(Queue, one, problems) for name, one in packed["queues"].items()}
    agents = {name: decode(Agent, one, problems) for name, one in packed["agents"].items()}
    problems.check()
    return {
        "queues": queues,
        "agents": agents,
        "accounts": None if accounts is None else frozenset(accounts),
    }


def restore(engine: Engine, packed: Mapping[str, Any], now: float) -> None:
    """Bring a fresh engine to a checkpoint."""
    for name, (registered, outside) in packed["devices"].items():
        if registered:
            engine.handle(DeviceReachable(name, True), now)
        if outside:
            engine.handle(DeviceBusy(name, outside), now)
    engine.configure(now=now, **unpacked_policy(packed))
    engine.restore_state(packed["state"], now)
    engine.drain()
