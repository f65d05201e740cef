"""What can happen on a day in an office: a table, one line for each kind of call.

To add a kind, write what its phones do as a generator that yields the seconds to wait, and give it a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sim.extended import ExtendedPhone
from tests.sim.phone import Behaviour, VirtualPhone
from tests.sim.test_lamps import Watcher
from tests.sim.text import Raw

if TYPE_CHECKING:
    from tests.sim.test_day import Day

HOUR = 3_600.0
QUIET = 240.0  # seconds without new calls before something is measured: all that lingers is gone
DIDS = {  # numbers of the trunk: where their calls go
    "+48221234560": "queue:hotline",
    "+48221234561": "menu:ivr",
    "+48221234562": "group:team",
    "+48221234563": "extension:u1",
}

Steps = Generator[float, None, None]


class Phone(Watcher, ExtendedPhone):
    """A phone with keys that also hears what becomes of its transfers. `plain`: it knows no extensions of the protocol."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.keys: list[Any] = []
        self.plain()

    def plain(self) -> None:
        self.supported, self.reliable, self.session = "", False, ""
        self._waiting.clear()

    def extended(self, *, reliable: bool = False, session: str = "") -> None:
        self.supported, self.reliable, self.session = "100rel, timer", reliable, session

    def requested(self, raw: Raw, method: str) -> None:
        if method == "NOTIFY" and self.line(raw) is not None:
            VirtualPhone.requested(self, raw, method)
        else:
            super().requested(raw, method)


@dataclass
class Kind:
    """What a kind of call needs and does. `phones`: how many take part, idle ones."""

    play: Callable[..., Steps]
    phones: int = 2
    weight: int = 1


# --- what phones do --------------------------------------------------------------------------------------------------


def answered(day: Day, anna: Phone, bob: Phone) -> Steps:
    """An ordinary call; either side hangs up."""
    line = anna.call(bob.user)
    yield day.rng.uniform(5, 60)
    day.hang_up(*day.rng.choice([(line,), tuple(bob.lines[-1:])]))


def held(day: Day, anna: Phone, bob: Phone) -> Steps:
    line = anna.call(bob.user)
    yield 5.0
    for direction in ("sendonly", "sendrecv", "inactive", "sendrecv"):
        anna.reinvite(line, direction)
        yield 3.0
    for there in bob.lines[-1:]:
        bob.reinvite(there, "sendonly")
    yield 4.0
    day.hang_up(line)


def busy(day: Day, anna: Phone, bob: Phone) -> Steps:
    bob.behaviour = Behaviour(reject=day.rng.choice([486, 603, 480, 404, 488]), reject_after=0.2)
    anna.call(bob.user)
    yield 5.0


def given_up(day: Day, anna: Phone, bob: Phone) -> Steps:
    bob.behaviour = Behaviour(answer_after=None)
    line = anna.call(bob.user)
    yield day.rng.choice([0.01, 0.05, 3.0, 8.0])
    anna.cancel(line)
    yield 2.0


def crossed(day: Day, anna: Phone, bob: Phone) -> Steps:
    """The answer and the CANCEL meet."""
    bob.behaviour = Behaviour(answer_after=2.0, answer_despite_cancel=True)
    line = anna.call(bob.user)
    yield 2.0
    anna.cancel(line)
    yield 3.0
    day.hang_up(line)


def unanswered(day: Day, anna: Phone, bob: Phone) -> Steps:
    bob.behaviour = Behaviour(answer_after=None)
    anna.call(bob.user)
    yield 40.0


def vanished(day: Day, anna: Phone, bob: Phone) -> Steps:
    """Both lose their power in the middle of the call: no BYE; the media worker notices."""
    line = anna.call(bob.user)
    yield 6.0
    anna.down = bob.down = True
    for leg in [day.world.place(one)[1] for one in (line, *bob.lines[-1:])]:
        if leg is not None and leg in day.world.worker.ports:
            day.world.worker.starve(leg)
    yield 45.0
    anna.down = bob.down = False
    for phone in (anna, bob):
        phone.lines.clear()
        phone.register()
    yield 5.0


def nobody(day: Day, anna: Phone) -> Steps:
    anna.call(day.rng.choice(["999999", "x", "%00", "*99", ""]) or "none")
    yield 3.0


def echo(day: Day, anna: Phone) -> Steps:
    line = anna.call(day.rng.choice(["*43", "*44", "echo", "prompt"]))
    yield 6.0
    day.hang_up(line)


def queued(day: Day, anna: Phone) -> Steps:
    """Through the hotline's queue to an agent."""
    line = anna.call("600")
    yield day.rng.uniform(10, 90)
    day.hang_up(line)


def left_the_queue(day: Day, anna: Phone) -> Steps:
    line = anna.call("601")
    yield day.rng.uniform(0.5, 30.0)
    day.hang_up(line)


def menu(day: Day, anna: Phone) -> Steps:
    line = anna.call("hotline")
    yield 2.5
    for key in day.rng.choice(["1", "2", "9", "91", "*", ""]):
        if line.state == "up":
            day.world.press(line, key)
        yield 2.0
    yield day.rng.uniform(1, 40)
    day.hang_up(line)


def conference(day: Day, *phones: Phone) -> Steps:
    lines = []
    for phone in phones:
        lines.append(phone.call("700"))
        yield 2.0
    yield 20.0
    day.rng.shuffle(lines)
    for line in lines:
        day.hang_up(line)
        yield 1.0


def supervised(day: Day, anna: Phone, bob: Phone, sue: Phone) -> Steps:
    line = anna.call(bob.user)
    yield 4.0
    ear = sue.call(f"*55{bob.user}")
    yield 2.0
    for key in "5645":
        if ear.state == "up":
            day.world.press(ear, key)
        yield 1.0
    day.hang_up(*day.rng.sample([line, ear], 2))


def merged(day: Day, anna: Phone, bob: Phone, carl: Phone) -> Steps:
    """Anna consults Carl while Bob is on hold, then all three talk, then she leaves."""
    line = anna.call(bob.user)
    yield 4.0
    anna.reinvite(line, "sendonly")
    yield 1.0
    consult = anna.call(carl.user)
    yield 4.0
    calls = [day.call_of(one) for one in (line, consult)]
    if all(calls):
        day.world.switch.switch.merge(*calls, day.world.now)
        day.world.switch.settle(day.world.now)
    yield 10.0
    day.hang_up(line, consult)
    yield 5.0
    day.hang_up(*bob.lines, *carl.lines)


def referred(day: Day, anna: Phone, bob: Phone, carl: Phone) -> Steps:
    """A blind transfer by REFER, to who answers, refuses or does not answer: then the call comes back."""
    carl.behaviour = day.rng.choice([Behaviour(answer_after=1.0), Behaviour(answer_after=None), Behaviour(reject=486)])
    line = anna.call(bob.user)
    yield 4.0
    for there in bob.lines[-1:]:
        if there.state == "up":
            bob.refer(there, day.rng.choice([carl.user, carl.user, "600", "none"]))
    yield 45.0
    day.hang_up(line)
    yield 1.0
    day.hang_up(*bob.lines, *carl.lines)


def consulted(day: Day, anna: Phone, bob: Phone, carl: Phone) -> Steps:
    """An attended transfer: hold, consult, REFER with Replaces."""
    line = anna.call(bob.user)
    yield 4.0
    for there in bob.lines[-1:]:
        bob.reinvite(there, "sendonly")
        yield 1.0
        consult = bob.call(carl.user)
        yield 5.0
        if there.state == consult.state == "up":
            bob.refer(there, carl.user, consulted=consult)
    yield 10.0
    day.hang_up(line)


def parked(day: Day, anna: Phone, bob: Phone, carl: Phone) -> Steps:
    """Parked by its code; fetched by somebody else, or it comes back."""
    line = anna.call(bob.user)
    yield 4.0
    for there in bob.lines[-1:]:
        bob.reinvite(there, "sendonly")
    yield 1.0
    bob.call("*68")
    yield 5.0
    if day.rng.random() < 0.5:
        carl.call("701")
    yield day.rng.choice([10.0, 60.0])
    day.hang_up(line, *carl.lines)


def forwarded(day: Day, anna: Phone, bob: Phone, carl: Phone) -> Steps:
    domain = day.world.domain
    bob.call("*21", uri=f"sip:*21*{carl.user}@{domain}")
    yield 12.0
    line = anna.call(bob.user)
    yield 8.0
    day.hang_up(line)
    bob.call("#21", uri=f"sip:%2321@{domain}")
    yield 12.0


def grouped(day: Day, anna: Phone) -> Steps:
    """All phones of a group ring, one wins."""
    line = anna.call("650")
    yield day.rng.choice([0.5, 10.0])
    day.hang_up(line)


def watched(day: Day, anna: Phone, bob: Phone, carl: Phone) -> Steps:
    """A key with a lamp, while its owner is in a call."""
    key = carl.watch(bob.user, day.rng.choice([60, 600]))
    yield 1.0
    line = anna.call(bob.user)
    yield 8.0
    day.hang_up(line)
    yield 2.0
    if day.rng.random() < 0.7:
        key.subscribe(0)
    yield 3.0


def digits(day: Day, anna: Phone, bob: Phone) -> Steps:
    line = anna.call(bob.user)
    yield 4.0
    if line.state == "up":
        day.world.press(line, "5")
        anna.in_dialog(line, "INFO", b"Signal=1\r\nDuration=100\r\n", "application/dtmf-relay")
        anna.in_dialog(line, "OPTIONS")
        anna.in_dialog(line, "UPDATE")
    yield 4.0
    day.hang_up(line)


def reliable(day: Day, anna: Phone, bob: Phone) -> Steps:
    """PRACK on the side of the called phone, and on that of a caller who requires it."""
    anna.extended()
    bob.extended(reliable=True)
    bob.behaviour = Behaviour(answer_after=3.0, early_media=day.rng.random() < 0.5)
    line = anna.call(bob.user, headers=day.rng.choice([{}, {"Require": "100rel"}]))
    yield day.rng.choice([1.0, 2.9, 8.0])
    day.seen["prack"] += any(entry == "PRACK 200" for entry in line.log)
    day.hang_up(line)


def lasting(day: Day, anna: Phone, bob: Phone) -> Steps:
    """Hours, if the day has them, with session timers that the switch keeps on both sides."""
    anna.extended()
    bob.extended(session=f"{day.rng.choice([300, 900])};refresher=uac")
    line = anna.call(bob.user, headers={"Session-Expires": f"{day.rng.choice([300, 900])};refresher=uas"})
    seconds = min(day.rng.uniform(2, 5) * HOUR, day.measured - day.world.now - QUIET)
    yield max(seconds, 10.0)
    assert [one.state for one in (line, *bob.lines[-1:])] == ["up", "up"]
    day.seen["hours"] += seconds > 2 * HOUR
    day.hang_up(line)


def spoken(day: Day, anna: Phone) -> Steps:
    """A message for the office, however far that comes."""
    line = anna.call("690")
    yield day.rng.uniform(0.5, 6)
    if line.state == "up":
        day.world.press(line, "#")
    yield day.rng.uniform(0.5, 15)
    if line.state == "up" and day.rng.random() < 0.5:
        for key in ("#", *day.rng.choice(["1", "2", "31", ""])):
            day.world.press(line, key)
            yield 2.0
    day.hang_up(line)


def outwards(day: Day, anna: Phone) -> Steps:
    """By the trunk; either side hangs up."""
    line = anna.call("221234567")
    yield day.rng.choice([0.5, 5.0, 40.0])
    day.seen["outwards"] += line.state == "up"
    day.hang_up(*day.rng.choice([(line,), tuple(day.provider.lines[-1:])]))


def inwards(day: Day) -> Steps:
    """From outside to a queue, a menu, a group, a phone, or a number that nobody has."""
    line = day.provider.dial_in(day.rng.choice([*DIDS, "+48221234569"]))
    yield day.rng.choice([0.5, 5.0, 40.0])
    day.seen["inwards"] += line.state == "up"
    day.hang_up(line)
    yield 1.0


def stranger(day: Day, anna: Phone) -> Steps:
    """A wrong password, then the right one."""
    right, anna.password = anna.password, "wrong"
    anna.register()
    yield 1.0
    anna.password = right
    anna.register()
    yield 2.0


KINDS: tuple[Kind, ...] = (
    Kind(answered, 2, 8), Kind(held, 2, 4), Kind(busy), Kind(given_up, 2, 2), Kind(crossed), Kind(unanswered), Kind(vanished),
    Kind(nobody, 1), Kind(echo, 1), Kind(queued, 1, 6), Kind(left_the_queue, 1), Kind(menu, 1, 2), Kind(conference, 4),
    Kind(referred, 3, 3), Kind(consulted, 3, 2), Kind(parked, 3), Kind(forwarded, 3), Kind(grouped, 1),
    Kind(supervised, 3), Kind(merged, 3), Kind(watched, 3), Kind(digits, 2), Kind(stranger, 1),
    Kind(reliable, 2, 2), Kind(lasting), Kind(spoken, 1, 2), Kind(outwards, 1, 2), Kind(inwards, 0, 2),
)  # fmt: skip
