"""Where audio is decoded, mixed, and encoded again: rooms, legs that cannot be relayed to each other, listeners of decoded audio.

What the packet path hears on a leg waits in the inbox until the next tick, goes from there into the jitter buffers, and is
read in frames of 20 ms by all legs of one tick at once (`workbench.py`). Four such ticks, 5 ms apart, share the work. Legs
that hear each other sit in one group, in one tick. G.711 is handled in matrices from the packet to the packet; other codecs,
and packets of other lengths, have an object per leg (`lines.py`).
"""

from __future__ import annotations

from media import codecs
from media.audience import Audience
from media.desk import WIDE, Desk, Follower, Group, Part, Place, lay
from media.jitter import Condition
from media.legs import FRESH
from media.lines import Listening, Speaking
from media.player import CROWD, LATE_TICKS, PHASES, Sink
from media.rtp import CLOCK_RATE
from media.session import Leg, Session
from media.workbench import Workbench

FRAME = CLOCK_RATE // 50  # 20 ms


class Studio(Audience):
    """The studio of one worker."""

    def __init__(self, session: Session, sink: Sink) -> None:
        super().__init__(session.legs)
        self._session = session
        self._table = session.legs
        self._parts: dict[int, Part] = {}
        self._groups: dict[int | tuple[int, int], Group] = {}
        self._bench = Workbench(session.legs, sink, self._parts)
        self._members: list[dict[int, Part]] = [{} for _ in range(PHASES)]
        self._desks: list[Desk | None] = [None] * PHASES
        self._due = [0] * PHASES
        self._tick = 0

    # --- who is decoded ----------------------------------------------------------------------------------------------

    def follow(self, leg: int, follower: Follower) -> None:
        """The follower is given all that is said on an open leg, 20 ms at a time. Only for codecs that are decodable."""
        part = self._part(leg)
        if not any(each is follower for each in part.followers):
            part.followers.append(follower)
            self._stale(part)

    def unfollow(self, leg: int, follower: Follower) -> None:
        part = self._parts.get(leg)
        if part is not None:
            part.followers = [each for each in part.followers if each is not follower]
            self._stale(part)
            self._release(part)

    def condition(self, leg: int) -> Condition | None:
        """How well what arrives on a leg can be heard; None: it is not decoded."""
        part = self._parts.get(leg)
        return None if part is None else self._bench.jitter(part).condition(leg)

    def _part(self, number: int, *, at_once: bool = False) -> Part:
        """The leg, as one that is decoded. `at_once`: somebody was hearing it already."""
        part = self._parts.get(number)
        if part is None:
            part = self._parts[number] = Part(number)
            self._agree(part, at_once=at_once)
            self.subscribe(number, self._bench.inbox)
            self._move(part, self._emptiest())
        return part

    def _agree(self, part: Part, *, at_once: bool) -> None:
        """Begin to decode and to encode as its terms say."""
        leg = self._session.open[part.leg]
        assert leg is not None and leg.terms.codec.decodable, "only what is open and decodable gets here"
        codec, terms = leg.terms.codec, leg.terms
        part.wide, part.law, part.terms = codec.rate == WIDE, terms.law, terms
        part.listening = part.speaking = None
        if terms.law < 0:
            part.listening = Listening(part.leg, codec, codecs.decoder(codec), self._bench.jitter(part))
        if terms.law < 0 or terms.samples != FRAME:
            part.speaking = Speaking(codec, codecs.encoder(codec), terms.samples * 1000 // CLOCK_RATE)
        self._bench.begin(part, at_once=at_once)

    def _release(self, part: Part) -> None:
        """Decode the leg no more, if nobody needs it."""
        if part.group is None and not part.followers and self._parts.pop(part.leg, None) is not None:
            self._members[part.phase].pop(part.leg)
            self._stale(part)
            self._bench.end(part)
            self.unsubscribe(part.leg, self._bench.inbox)

    def _emptiest(self) -> int:
        """The first phase that is not crowded; if all are, the emptiest."""
        sizes = [len(members) for members in self._members]
        return next((phase for phase, size in enumerate(sizes) if size < CROWD), sizes.index(min(sizes)))

    def _move(self, part: Part, phase: int) -> None:
        """Into another tick."""
        if part.phase == phase:
            return
        if part.phase >= 0:
            self._members[part.phase].pop(part.leg)
            self._stale(part)
        part.phase = phase
        if not self._members[phase]:
            self._due[phase] = self._tick + 1 + (phase - self._tick - 1) % PHASES
        self._members[phase][part.leg] = part
        self._stale(part)

    def _stale(self, part: Part) -> None:
        self._desks[part.phase] = None

    # --- who hears whom ----------------------------------------------------------------------------------------------

    def seat(self, key: int | tuple[int, int], place: Place, *, heard: bool = False) -> None:
        """An open leg takes a place in a group, or another one in the same group. Nobody is in two groups.

        `heard`: somebody there could hear it until now, and must not notice the change.
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key)
        part = self._part(place.leg, at_once=heard)
        if part.group is not None and part.group is not group:
            self._take_away(part, part.group)
        if part.group is None:
            part.group = group
            self._bench.mixer.enter(place.leg, heard=heard)
            if place.served:
                self._begin(part)
        elif place.served and not group.places[place.leg].served:
            self._begin(part)
        group.places[place.leg] = place
        self._arrange(group)

    def unseat(self, leg: int) -> None:
        """The leg leaves its group, if it is in one."""
        part = self._parts.get(leg)
        if part is not None and part.group is not None:
            self._take_away(part, part.group)
            self._release(part)

    def _take_away(self, part: Part, group: Group) -> None:
        if self._bench.mixer.gain(part.leg) > 0 and len(group.places) > 1:
            group.farewells.append(self._bench.last_words(part, group))
        del group.places[part.leg]
        part.group = None
        self._bench.mixer.leave(part.leg)
        self._bench.withdraw(part.leg)
        self._stale(part)
        if group.places:
            self._arrange(group)
        else:
            del self._groups[group.key]

    def _begin(self, part: Part) -> None:
        """What the leg hears from now on is a new source."""
        self._table.fresh[part.leg] = 1
        self._bench.withdraw(part.leg)
        if part.speaking is not None:
            part.speaking.forget()

    def _arrange(self, group: Group) -> None:
        """After the places of a group have changed: all in one tick, its rate the best that somebody can hear."""
        parts = [self._parts[leg] for leg in group.places]
        if group.phase < 0:
            group.phase = parts[0].phase
        wide = any(part.wide for part in parts)
        if wide is not group.wide:
            group.farewells = [last.repeat(2) if wide else last[::2] for last in group.farewells]
            self._bench.redirect(group.phase, group.places, wide=wide)
        group.wide = wide
        for part in parts:
            self._move(part, group.phase)
            self._stale(part)

    def group_of(self, leg: int) -> Group | None:
        """The group in which a leg has a place."""
        part = self._parts.get(leg)
        return part.group if part is not None else None

    def hand_over(self, one: int, other: int, clock: int) -> None:
        """Two legs of a group are to be relayed to each other now: each hears first what is still on its way to it here."""
        first, second = self._parts[one], self._parts[other]
        for speaker, listener in ((first, second), (second, first)):
            if self._may_be_sent(listener.leg):
                self._bench.flush(speaker, listener, clock)
        for part in (first, second):
            if part.group is not None:
                part.group.places.pop(part.leg)
                if not part.group.places:
                    del self._groups[part.group.key]
                part.group = None
                self._bench.mixer.leave(part.leg)
            self._stale(part)
            self._release(part)

    # --- two that cannot be relayed ----------------------------------------------------------------------------------

    def pair(self, one: int, other: int, now: float) -> None:
        """Each of two open legs hears the other from now on, decoded and encoded again."""
        key = min(one, other), max(one, other)
        for leg in key:
            self.seat(key, Place(leg), heard=self.group_of(leg) is not None)

    def leave(self, leg: int, now: float) -> None:
        """The leg hears its partner no more; the partner goes on to hear it until it leaves too."""
        group = self.group_of(leg)
        if group is None or isinstance(group.key, int):
            return
        group.places[leg].served = False
        self._desks[group.phase] = None
        if not any(place.served for place in group.places.values()):
            for each in list(group.places):
                self.unseat(each)

    def close(self, leg: int) -> None:
        """The leg is closed."""
        part = self._parts.get(leg)
        if part is not None:
            part.followers.clear()
            self.unseat(leg)
            self._release(part)
        self.forget(leg)

    def refresh(self, leg: Leg) -> None:
        """The terms of a leg, or whether it may be sent to, have changed."""
        part = self._parts.get(leg.number)
        if part is None:
            return
        before, terms = part.terms, leg.terms
        if not terms.codec.decodable:
            part.followers.clear()
            self.unseat(leg.number)
            self._release(part)
            return
        if before is None or (before.codec, before.samples) != (terms.codec, terms.samples):
            self._bench.end(part)
            self._agree(part, at_once=True)
            if part.group is not None:
                self._arrange(part.group)
        part.terms = terms
        self._bench.expect(part)
        self._stale(part)
        if not self._may_be_sent(leg.number):
            self._begin(part)

    def _may_be_sent(self, leg: int) -> bool:
        opened = self._session.open[leg]
        return opened is not None and opened.hearing and not opened.interrupted

    # --- time --------------------------------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """The tick in which something is to be done; None: nothing."""
        if not self._parts:
            return None
        due = [due for due, members in zip(self._due, self._members, strict=True) if members]
        if self._bench.next_later is not None:
            due.append(self._bench.next_later)
        return min(due, default=None)

    def run(self, tick: int, clock: int) -> None:
        """Do everything that is due up to `tick`. `clock`: now, in 1/8000 s."""
        self._tick = tick
        if not self._parts:
            return
        self._bench.send_later(tick, clock)
        for phase, members in enumerate(self._members):
            if members and self._due[phase] <= tick:
                self._bench.listen()
                self._catch_up(phase, tick, clock)

    def _catch_up(self, phase: int, tick: int, clock: int) -> None:
        late = max(tick - self._due[phase] - LATE_TICKS, 0) // PHASES * PHASES
        if late:
            # Nobody wants to hear a second of audio at once: real time goes on.
            self._due[phase] += late
            self._table.outbound[list(self._members[phase]), FRESH] = 1
        # One frame at a time, however late: the packets for the next one may still have to be read.
        desk = self._desks[phase] or self._lay(phase)
        self._bench.work(desk, self._due[phase], clock)
        self._due[phase] += PHASES
        if desk.passing:
            self._desks[phase] = None

    def _lay(self, phase: int) -> Desk:
        parts = list(self._members[phase].values())
        opened = {part.leg: self._session.open[part.leg] for part in parts}
        gains = {leg: 1.0 if each is not None and each.terms.receive else 0.0 for leg, each in opened.items()}
        sending = {leg: self._may_be_sent(leg) for leg in opened}
        mixer = self._bench.mixer
        fading = [pair for pair in mixer.whispers if pair[0] in opened and mixer.fading(pair)]
        desk = self._desks[phase] = lay(parts, sending, gains, fading)
        return desk
