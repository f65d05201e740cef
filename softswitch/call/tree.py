"""The walk of one caller through the menus of the site (IVR-01..04): branches, ways back, sub-trees that are shared.

A branch is a list of steps; each is carried out by a generator of `actions`, which says where to go on. A key that leads to
another branch leaves the present one on a stack: `*` goes back there, `#` repeats. A sub-tree that is called leaves a frame to
return to. A caller keeps the version of the menus that their call began with (IVR-05).

Jumping around without a key from the caller ends the call after MAX_JUMPS (IVR-03): nobody stays on a silent line for ever.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from softswitch.call import actions
from softswitch.call.flow import Flow, Hangup, Here, Language, Mark, Play, Step
from softswitch.call.moves import Move
from softswitch.call.routing import Destination, parse
from softswitch.directory.menus import INSIDE, MAIN, Menu, node
from softswitch.events import FlowProblem

if TYPE_CHECKING:
    from softswitch.call.menu import Site
    from softswitch.call.visitor import Visitor

MAX_JUMPS: Final = 20  # changes of branch without a key
MAX_STEPS: Final = 200  # steps without one
MAX_WAY: Final = 50  # branches that a caller can go back


class Place(NamedTuple):
    """A step of a branch of a menu."""

    menu: str
    branch: str = MAIN
    step: int = 0

    @property
    def node(self) -> str:
        return node(self.menu, self.branch)

    def __str__(self) -> str:
        """As a restart keeps it. No name has a colon in it, so none begins with one."""
        return f"::{self.step}:{self.node}" if self.step else self.node

    @classmethod
    def read(cls, text: str) -> Place:
        index = 0
        if text.startswith("::"):
            first, _, text = text[2:].partition(":")
            index = int(first) if first.isascii() and first.isdigit() and len(first) < 7 else 0
        menu, _, branch = text.partition(":")
        return cls(menu, branch, index)


class Walk:
    """Where a caller is, and how they came there."""

    __slots__ = ("_speaks", "jumps", "menus", "place", "site", "steps", "visitor", "way")

    def __init__(self, place: Place, site: Site, visitor: Visitor, way: Sequence[str] = ()) -> None:
        self.site = site
        self.visitor = visitor
        self.menus: Mapping[str, Menu] = site.directory.menus  # This version, whatever the site becomes meanwhile.
        self.place = place
        self.way: list[Place] = [Place.read(one) for one in way]
        self.jumps = 0
        self.steps = 0
        self._speaks = ""  # the menu whose language was chosen last

    @property
    def child(self) -> bool:
        """Whether there is a way back."""
        return bool(self.way)

    @property
    def last(self) -> bool:
        """Whether the present step is the last one of its branch."""
        menu = self.menus[self.place.menu]
        return self.place.step + 1 >= len(menu.branch(self.place.branch) or ())

    def kept(self) -> tuple[str, ...]:
        """The way back, for a restart."""
        return tuple(map(str, self.way))

    def problem(self, what: str, detail: str) -> None:
        where = f"{self.place.node}[{self.place.step}]"
        self.visitor.publish(FlowProblem(self.visitor.subject.id, where, what, detail[:200]))

    # --- moving ----------------------------------------------------------------------------------------------------------

    def follow(self, move: Move) -> Destination | None:
        """Go where a step leads. A destination outside the menus is returned."""
        if move.keyed:
            self.jumps = self.steps = 0
        to = move.to or "next"
        if to == "stay":
            return None  # The step has moved by itself.
        if to == "next":
            self.place = self.place._replace(step=self.place.step + 1)
            return None
        if to in INSIDE:
            self._inside(to)
        else:
            destination = self.destination(to)
            if destination.kind != "menu":
                return destination
            if move.keyed:
                self._push(self.place._replace(step=0))
            self.place = Place.read(destination.name)
        self.jumps += not move.keyed
        return None

    def destination(self, to: str) -> Destination:
        """What a destination means here: "branch:NAME" is one of the present menu."""
        destination = parse(to)
        if destination.kind == "branch":
            return Destination("menu", node(self.place.menu, destination.name))
        return destination

    def call(self, to: str) -> None:
        """Go to a branch, and come back behind the present step."""
        self._push(self.place._replace(step=self.place.step + 1))
        self.place = Place.read(self.destination(to).name)
        self.jumps += 1

    def returns(self) -> bool:
        """Go back behind the step that called the present branch; False if none has."""
        while self.way:
            frame = self.way.pop()
            if frame.step:
                self.place = frame
                self.jumps += 1
                return True
        return False

    def _inside(self, to: str) -> None:
        if to == "return" and self.returns():
            self.jumps -= 1  # The caller of this counts it.
        elif to == "back" and self.way:
            self.place = self.way.pop()._replace(step=0)
        elif to == "return":
            self.place = self.place._replace(step=1_000_000)  # Behind the last step: the branch is over.
        else:
            self.place = self.place._replace(step=0)

    def _push(self, frame: Place) -> None:
        self.way.append(frame)
        if len(self.way) > MAX_WAY:
            # The oldest place that was left by a key; those that a called branch returns to are needed.
            oldest = next((index for index, one in enumerate(self.way) if not one.step), 0)
            del self.way[oldest]

    # --- saying where ------------------------------------------------------------------------------------------------------

    def enter(self, menu: Menu) -> Generator[Step, str, None]:
        """A branch begins."""
        yield Mark("menu", self.place.node, self.kept())
        if self.place.branch == MAIN or self._speaks != menu.name:
            self._speaks = menu.name
            if menu.prompts:
                self.visitor.prompts = menu.prompts
            if menu.language:
                yield Language(menu.language)


def walk(start: str, site: Site, visitor: Visitor, way: Sequence[str] = ()) -> Generator[Step, str, Destination | None]:
    """Lead a caller from a branch ("hotline", "hotline:closed"; or a place that `Here` has kept) to wherever they end.

    Returns the destination outside the menus where they go on, None if they do not.
    """
    at = Walk(_still_there(Place.read(start), site.directory.menus), site, visitor, way)
    resumed = at.place.step > 0
    while at.jumps < MAX_JUMPS and at.steps < MAX_STEPS:
        place = at.place
        menu = at.menus.get(place.menu)
        steps = menu.branch(place.branch) if menu is not None else None
        if menu is None or steps is None:
            yield Mark("unknown_menu", place.node)
            yield from _farewell(("unavailable",), "unknown_menu")
            return None
        if place.step == 0 or resumed:
            yield from at.enter(menu)
            if resumed:
                resumed = False
                yield Here(str(place), at.kept())
        if place.step >= len(steps):
            if at.returns():
                yield Here(str(at.place), at.kept())
                continue
            yield Mark("destination", "hangup")
            yield Hangup()
            return None
        at.steps += 1
        step = steps[place.step]
        move = yield from actions.perform(step, at)
        if move is None:
            return None  # The step has ended the walk: the caller waits in a queue, or is gone.
        outside = at.follow(move)
        if outside is not None:
            yield Mark("destination", str(outside))
            return outside
        if type(step) in actions.LASTING:
            yield Here(str(at.place), at.kept())  # What has been done once is not done again.
    at.problem("loop", "nothing was asked of the caller for too long")
    yield Mark("loop", at.place.node)
    yield from _farewell(("goodbye",), "menu_loop")
    return None


def _still_there(place: Place, menus: Mapping[str, Menu]) -> Place:
    """After a restart the menus may be others: who was in a branch that is gone begins that menu again."""
    menu = menus.get(place.menu)
    if menu is None:
        return place
    steps = menu.branch(place.branch)
    if steps is None and place.step:
        return Place(place.menu)
    return place if steps is None or place.step <= len(steps) else place._replace(step=0)


def _farewell(clips: tuple[str, ...], cause: str) -> Flow:
    yield Play(clips, interruptible=False)
    yield Hangup(cause)
