"""Plays a tape again: the same engine, the same inputs, the same random values (FEATURES B-1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.engine import Engine
from softswitch.acd.tape import UNREADABLE, item_of, restore, unpacked_policy
from softswitch.effects import Publish
from softswitch.events import OfferMade
from softswitch.packing import unpack
from softswitch.sim.tape import CHECKPOINT, NoTape, Section

if TYPE_CHECKING:
    from softswitch.acd.custom import Ranker
    from softswitch.events import Event
    from softswitch.machine import Entropy


class Redrawn:
    """Gives the values that were drawn, in their order."""

    def __init__(self) -> None:
        self.draws: deque[Any] = deque()
        self._asked = 0
        self._open: dict[str, bool] = {}

    def token(self) -> str:
        return str(self._next())

    def below(self, n: int) -> int:
        return int(self._next())

    def load(self, draws: Iterable[Any]) -> None:
        """The values of the next input."""
        self.draws = deque(draws)
        self._asked = 0

    def is_open(self, name: str) -> bool:
        self._asked += 1
        if self.draws and isinstance(self.draws[0], list) and self.draws[0][2] == self._asked:
            self._open[name] = self.draws.popleft()[1]
        return self._open.get(name, False)

    def _next(self) -> Any:
        if not self.draws:
            raise NoTape("The engine asks for more random values than were recorded: it is not the engine of the tape.")
        return self.draws.popleft()


NO_RANKERS: Final[Mapping[str, Any]] = MappingProxyType({})
MOST_BEGINNING: Final = 3  # inputs among which a state is taken over


@dataclass(slots=True)
class Assignment:
    """Who was rung for whom."""

    offer: int
    queue: str
    caller: str
    agent: str
    tier: int


@dataclass(slots=True)
class Replayed:
    """What came of a replay. `recorded`: what the journal says, as far as it was written."""

    section: Section
    assignments: list[Assignment] = field(default_factory=list)
    recorded: list[Assignment] = field(default_factory=list)
    inputs: int = 0
    engine: Engine | None = None

    @property
    def differences(self) -> list[tuple[Assignment | None, Assignment | None]]:
        """(As recorded, as replayed), where they differ; in order of offers."""
        mine = {one.offer: one for one in self.assignments}
        theirs = {one.offer: one for one in self.recorded}
        return [
            (theirs.get(offer), mine.get(offer))
            for offer in sorted(mine.keys() | theirs.keys())
            if mine.get(offer) != theirs.get(offer)
        ]  # fmt: skip


Seen = Callable[[float, "Event"], object]
Given = Callable[[float, str, Any], object]


def made(entropy: Entropy, is_open: Callable[[str], bool]) -> Engine:
    """An engine as the switch makes it."""
    engine = Engine(entropy, is_open=is_open)
    engine.callbacks.is_open = is_open
    return engine


def plug_in(engine: Engine, arguments: Mapping[str, Any], rankers: Mapping[str, Ranker], now: float) -> None:
    """The strategies of the site's own: of those that were there the ones that are here."""
    if names := arguments.get("rankers", ()):
        engine.plug_in({name: rankers[name] for name in names if name in rankers}, now)


def _nothing(*_: Any) -> None:
    return None


def play(
    section: Section,
    *,
    saw: Seen = _nothing,
    given: Given = _nothing,
    began: Callable[[Engine, float], object] = _nothing,
    rankers: Mapping[str, Ranker] = NO_RANKERS,
) -> Replayed:
    """Give a fresh engine what was recorded. `saw(now, event)` is told what it publishes, `given(now, name, argument)` what it
    is told, before it is, `began(engine, now)` when it has taken over a state; `rankers`: the strategies of the site's own.
    Raises NoTape if the tape is of another engine.
    """
    redrawn = Redrawn()
    engine = made(redrawn, redrawn.is_open)
    done = Replayed(section, engine=engine)
    for entry in section.inputs:
        now, name, *rest = entry
        arguments = rest[0] if rest else {}
        redrawn.load(rest[1] if len(rest) > 1 else ())
        _give(engine, now, name, arguments, given, done.inputs == 0, rankers)
        if name == ".restore_state" or (name == CHECKPOINT and not done.inputs):
            began(engine, now)
        done.inputs += 1
        for item in engine.drain():
            if type(item) is Publish:
                event = item.event
                if type(event) is OfferMade:
                    done.assignments.append(_assignment(event))
                saw(now, event)
    begun, last = _last_offer_before(section), engine.dispatcher.last
    recorded = (_assignment(event) for _, event in section.told if isinstance(event, OfferMade))
    done.recorded = [one for one in recorded if begun < one.offer <= last]
    return done


def _last_offer_before(section: Section) -> int:
    """The number of the last offer before the section: of an earlier life, or of the part that is left out."""
    for _, name, *rest in section.inputs[:MOST_BEGINNING]:
        if name == CHECKPOINT:
            return int(rest[0]["state"]["last_offer"])
        if name == ".restore_state":
            return int(rest[0]["data"]["last_offer"])
    return 0


def _give(
    engine: Engine, now: float, name: str, arguments: Any, given: Given, first: bool, rankers: Mapping[str, Ranker]
) -> None:  # fmt: skip
    if not name.startswith("."):
        try:
            item = item_of(name, arguments)
        except KeyError:
            raise NoTape(f"The tape has a {name}, which this version does not know.") from None
        given(now, name, item)
        engine.handle(item, now)
        return
    if name == CHECKPOINT:
        given(now, name, arguments)
        if first:
            plug_in(engine, arguments, rankers, now)
            restore(engine, arguments, now)
        return
    if name == ".plug_in":
        given(now, name, arguments)
        plug_in(engine, arguments, rankers, now)
        return
    if name == f".{UNREADABLE}":
        raise NoTape(f"The tape has a {arguments['name']} that could not be written: {arguments['why']}.")
    if name == ".configure":
        policy = unpacked_policy(arguments)
        given(now, name, policy)
        engine.configure(now=now, **policy)
        return
    values = dict(arguments or {})
    if name != ".restore_state":  # Whose state is plain values by itself.
        values = {key: unpack(one) for key, one in values.items()}
    given(now, name, values)
    attrgetter(name[1:])(engine)(now=now, **values)


def _assignment(event: OfferMade) -> Assignment:
    return Assignment(event.offer, event.queue, event.caller, event.agent, event.tier)
