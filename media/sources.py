"""What a leg hears: a peer, clips, music, a tone, itself, or nothing. Exactly one of them at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from media.bank import Span
from media.control import Alarm, Bridge, Echo, Join, Load, Modify, Music, Open, Play, PlayDone, PlayFile, Stop, Tone
from media.latch import Address, Latch
from media.library import Library, Recording
from media.player import Loop, Player, Playlist, Source
from media.rooms import PARTS, Rooms
from media.rtp import CLOCK_RATE
from media.session import Leg, Session
from media.studio import Studio
from media.survey import Watch
from media.transport import Transport


class Translator(Protocol):
    """Makes anew what one leg says so that another can hear it, where it cannot be relayed: codecs or packet times differ."""

    def pair(self, one: int, other: int, now: float) -> None:
        """Each of two legs hears the other from now on. Both have codecs that are decodable."""
        ...

    def leave(self, leg: int, now: float) -> None:
        """The leg hears nobody from here any more. Whoever hears it goes on to do so, until that leg leaves as well."""
        ...


OWN = "\0"  # before the name of what one leg hears alone
PATIENCE = 0.15  # seconds of silence while a file is read, until the hold tone begins


@dataclass(slots=True)
class State:
    """What call control wants of a leg, beside what the packet path knows."""

    command: Open | Modify
    watch: Watch
    latch: Latch | None = None
    remote: Address | None = None  # where it sends and receives, as far as that is known
    transport: Transport | None = None  # between its sockets and the packet path; None: plain RTP
    play: Playlist | None = None
    waiting: Play | PlayFile | Music | None = None  # for a recording that is being loaded
    wants: bool = False  # a source was set, and not taken away by Stop
    through: int = -1  # the leg that it hears through the translator


class Sources:
    """Sets and takes away the sources of open legs. `load` begins to read a file; `loaded` is its answer."""

    def __init__(
        self,
        session: Session,
        player: Player,
        library: Library,
        silence: Span,
        load: Callable[[Load], None],
        studio: Studio,
    ) -> None:
        self.states: dict[int, State] = {}  # of the legs that are open
        self.commands: dict[type, Callable[..., None]] = {
            Bridge: self._bridge, Play: self._play, PlayFile: self._play_file, Music: self._music, Tone: self._tone,
            Echo: self._echo, Stop: self._stop, Load: self._begin_load, Join: self._join,
        }  # fmt: skip
        self._session = session
        self._player = player
        self._library = library
        self._silence = silence
        self._load = load
        self._studio = studio
        self.rooms = Rooms(session, studio, self.settle, self._refuse)
        self._loading: set[str] = set()
        self._later: dict[str, Load] = {}  # clips that are read when they are to be heard first
        self._hungry: dict[int, float] = {}  # legs that hear nothing while a file is read: until when that may last
        self._files: dict[int, str] = {}  # legs that hear a file of their own: its name in the library
        self._translator: Translator | None = None

    def translate_by(self, translator: Translator) -> None:
        """Who makes audio anew. Without one, legs of different codecs cannot be bridged."""
        self._translator = translator
        self._session.translating = True

    def get(self, number: int) -> tuple[Leg, State]:
        """An open leg."""
        leg = self._session.open[number]
        assert leg is not None, "a leg with a state is open"
        return leg, self.states[number]

    def alarm(self, what: str, detail: str = "") -> None:
        self._session.events.append(Alarm(what, detail))

    def _done(self, leg: int, play: int, cause: str) -> None:
        self._session.events.append(PlayDone(leg, play, cause))

    # --- for the engine ----------------------------------------------------------------------------------------------

    def settle(self, leg: Leg) -> None:
        """After anything changed about whether, what or where a leg may be sent."""
        if leg.hears >= 0 and (source := self._session.open[leg.hears]) is not None:
            self._session.reroute(source)
        self._session.reroute(leg)
        if self._can_hear(leg):
            self._player.resume(leg.number)
        else:
            self._player.pause(leg.number)
        self._studio.refresh(leg)

    def follow(self, now: float) -> None:
        """After listeners were connected, or have other terms: who is relayed to needs no translator, and the reverse."""
        while self._session.unsettled:
            number = self._session.unsettled.pop()
            state = self.states.get(number)
            if state is None:
                continue
            wanted = self._untranslated(number)
            if wanted == state.through:
                continue
            if state.through >= 0 and self._translator is not None:
                self._translator.leave(number, now)
            state.through = -1
            if wanted >= 0:
                self._translate(number, wanted, state, now)

    def _untranslated(self, listener: int) -> int:
        """The leg that one should hear, but cannot be sent the packets of; -1: all is well."""
        leg = self._session.open[listener]
        speaker = self._session.open[leg.hears] if leg is not None and leg.hears >= 0 else None
        if leg is None or speaker is None or self._session.relays(speaker, leg):
            return -1
        return speaker.number

    def _translate(self, listener: int, speaker: int, state: State, now: float) -> None:
        leg, other = self.get(listener)[0], self.states[speaker]
        speaking, translator = self.get(speaker)[0], self._translator
        if translator is None or not leg.terms.codec.decodable or not speaking.terms.codec.decodable:
            names = " and ".join(f"{each.terms.codec.name}/{each.terms.codec.clock}" for each in (leg, speaking))
            self.alarm("cannot bridge", f"legs {listener} and {speaker}: {names}")
            self._give(leg, state, Loop(self._library.hold))
            return
        mutual = self._untranslated(speaker) == listener
        if mutual and other.through not in (-1, listener):
            translator.leave(speaker, now)
        translator.pair(listener, speaker, now)
        state.through = speaker
        if mutual:
            other.through = listener
        else:
            translator.leave(speaker, now)  # It hears something else.

    def end(self, leg: Leg, state: State) -> None:
        """Take away what the leg hears."""
        self._end_play(leg, state)
        self.rooms.leave(leg.number)
        self._session.disconnect(leg.number)

    def _end_play(self, leg: Leg, state: State) -> None:
        if state.play is not None:
            self._done(leg.number, state.play.play, "replaced")
        self._wait(state, None)
        state.play = None
        state.watch.bereft_at = -1.0
        self._player.stop(leg.number)
        self._forget_file(leg.number)

    def _forget_file(self, number: int) -> None:
        """The leg has come to the end of the file that was for it alone, or hears something else."""
        if (name := self._files.pop(number, None)) is not None:
            self._library.drop(name)

    def bereave(self, speaker: int, now: float) -> None:
        """Nobody hears this leg any more; whoever did is to be given something else soon."""
        listener = self._session.silence(speaker)
        if listener >= 0 and listener != speaker:
            self.states[listener].watch.bereft_at = now

    def comfort(self, leg: Leg, state: State) -> None:
        """The leg has been without a source for too long."""
        if self.rooms.room_of(leg.number) >= 0:
            state.watch.bereft_at = -1.0  # It is alone in its room, where it hears silence.
            return
        self.alarm("dead air", f"leg {leg.number} has lost its source")
        self._give(leg, state, Loop(self._library.hold))

    def next_feed(self) -> float | None:
        """When somebody has waited long enough in silence for a file."""
        return min(self._hungry.values(), default=None)

    def feed(self, now: float) -> None:
        """A file that takes its time must not be silence: the hold tone meanwhile (B-11)."""
        for number in [number for number, at in self._hungry.items() if at <= now]:
            del self._hungry[number]
            state = self.states.get(number)
            if state is not None and (waiting := state.waiting) is not None:
                leg, _ = self.get(number)
                state.waiting = None
                self._give(leg, state, Loop(self._library.hold))
                state.waiting = waiting  # It is heard as soon as it is there.

    def _starve(self, leg: Leg, state: State, command: Play | PlayFile | Music, now: float) -> None:
        self._wait(state, command)
        state.wants = True
        if leg.hears < 0 and not self._player.feeds(leg.number) and self.rooms.room_of(leg.number) < 0:
            self._hungry[leg.number] = now + PATIENCE

    def finish_plays(self) -> None:
        """Report the playlists that came to their end."""
        for number, play in self._player.done:
            state = self.states.get(number)
            if state is not None and state.play is not None and state.play.play == play:
                state.play = None
                self._done(number, play, "end")
                self._forget_file(number)
        self._player.done.clear()

    def stop_by_digit(self) -> None:
        """Stop what was to be stopped by a digit, of the legs that sent one."""
        for number in self._session.pressed:
            state = self.states.get(number)
            if state is not None and state.play is not None and state.play.until_digit:
                leg, _ = self.get(number)
                self._done(number, state.play.play, "digit")
                state.play = None
                self._give(leg, state, Loop(self._silence))
        self._session.pressed.clear()

    def loaded(self, recording: Recording, now: float) -> None:
        """A file was read: whoever waits for it hears it."""
        if recording.codes is None and not recording.error:
            return  # It was only looked at. Somebody may have asked for it since.
        self._loading.discard(recording.name)
        if recording.codes is None:
            self.alarm("cannot load", f"{recording.name}: {recording.error}")
        elif not recording.name.startswith(OWN) or self._is_awaited(recording.name):
            self._library.add(recording)
        for state in list(self.states.values()):
            if (command := state.waiting) is not None and not self._is_loading(command):
                state.waiting = None
                if isinstance(command, PlayFile):
                    self._play_loaded(command, now)
                else:
                    self.commands[type(command)](command, now)

    def _is_awaited(self, name: str) -> bool:
        return any(isinstance(one.waiting, PlayFile) and _name(one.waiting) == name for one in self.states.values())

    # --- commands ----------------------------------------------------------------------------------------------------

    def _give(self, leg: Leg, state: State, source: Source) -> None:
        """Let the player feed the leg."""
        self.end(leg, state)
        state.wants = True
        if isinstance(source, Playlist):
            state.play = source
        if self._session.legs.law[leg.number] < 0:
            self.alarm(
                "cannot play",
                f"leg {leg.number}: {leg.terms.codec.name}/{leg.terms.codec.clock} is only passed through",
            )
        self._player.start(leg.number, source, hearing=self._can_hear(leg))
        self.finish_plays()

    def _can_hear(self, leg: Leg) -> bool:
        """Something can be played to the leg now."""
        return leg.hearing and not leg.interrupted and self._session.legs.law[leg.number] >= 0

    def _bridge(self, command: Bridge, now: float) -> None:
        if command.peer not in self.states:
            self.alarm("unknown leg", f"Bridge of leg {command.leg} with leg {command.peer}, which is not open")
            return
        for listener, speaker in ((command.leg, command.peer), (command.peer, command.leg)):
            leg, state = self.get(listener)
            self.rooms.leave(listener)
            if leg.hears == speaker:
                continue
            self.bereave(speaker, now)
            self.end(leg, state)
            state.wants = True
            self._session.connect(speaker, listener)
            self.settle(leg)

    def _echo(self, command: Echo, now: float) -> None:
        self._bridge(Bridge(command.leg, command.leg), now)

    def _join(self, command: Join, now: float) -> None:
        leg, state = self.get(command.leg)
        if command.room < 0 or command.part not in PARTS:
            self.alarm("bad room", f"leg {leg.number}: room {command.room}, part {command.part!r}")
            return
        # What it hears of another leg is left to the room: it may be that they meet there again.
        self._end_play(leg, state)
        state.wants = True
        self.rooms.join(command)

    def _refuse(self, leg: Leg) -> None:
        """A leg that cannot be mixed."""
        self.alarm("cannot mix", f"leg {leg.number}: {leg.terms.codec.name}")
        self._give(leg, self.states[leg.number], Loop(self._library.hold))

    def _stop(self, command: Stop, now: float) -> None:
        leg, state = self.get(command.leg)
        self.end(leg, state)
        state.wants = False

    def _play(self, command: Play, now: float) -> None:
        leg, state = self.get(command.leg)
        self._demand(command.clips)
        if self._is_loading(command):
            self._starve(leg, state, command, now)
            return
        if self._session.legs.law[leg.number] < 0:
            self._give(leg, state, Loop(self._library.hold))
            self._done(leg.number, command.play, "missing")
            return
        found = [(name, self._library.clip(name)) for name in command.clips]
        missing = [name for name, span in found if span is None]
        if missing:
            self.alarm("missing clip", f"leg {leg.number}: {', '.join(missing)}")
        spans = [span for _, span in found if span is not None]
        if spans or not missing:
            self._give(leg, state, Playlist(command.play, spans, command.repeat, command.until_digit))
        else:
            self._give(leg, state, Loop(self._library.hold))
            self._done(leg.number, command.play, "missing")

    def _play_file(self, command: PlayFile, now: float) -> None:
        leg, state = self.get(command.leg)
        name = _name(command)
        self._loading.add(name)
        self._load(Load(name, command.path))
        self._starve(leg, state, command, now)

    def _play_loaded(self, command: PlayFile, now: float) -> None:
        name = _name(command)
        self._play(Play(command.leg, command.play, (name,), until_digit=command.until_digit), now)
        if self._library.clip(name) is None:
            return
        if self.states[command.leg].play is None:
            self._library.drop(name)  # It was over at once.
            return
        self._files[command.leg] = name
        self._player.skip(command.leg, int(command.offset * CLOCK_RATE))

    def _music(self, command: Music, now: float) -> None:
        leg, state = self.get(command.leg)
        if self._is_loading(command):
            self._starve(leg, state, command, now)
            return
        span = self._library.music(command.name)
        if span is None:
            self.alarm("missing music", f"leg {leg.number}: {command.name}")
        self._give(leg, state, Loop(span or self._library.hold, shared=span is not None and not command.from_start))

    def _tone(self, command: Tone, now: float) -> None:
        leg, state = self.get(command.leg)
        span = self._library.tone(command.name, command.country)
        if span is None:
            self.alarm("missing tone", f"leg {leg.number}: {command.name}")
        self._give(leg, state, Loop(span or self._library.hold))

    # --- recordings on their way -------------------------------------------------------------------------------------

    def _begin_load(self, command: Load, now: float) -> None:
        if self._library.has(command.name, (command.path, *command.more), command.music):
            return
        if command.on_demand and self._library.clip(command.name) is None:
            self._later[command.name] = command
        else:
            command = replace(command, on_demand=False)
            self._loading.add(command.name)
        self._load(command)

    def _demand(self, names: Sequence[str]) -> None:
        """Begin to read what was not needed before."""
        for name in names:
            if (command := self._later.pop(name, None)) is not None:
                self._begin_load(replace(command, on_demand=False), 0.0)

    def _is_loading(self, command: Play | PlayFile | Music) -> bool:
        if isinstance(command, PlayFile):
            return _name(command) in self._loading
        names = command.clips if isinstance(command, Play) else (command.name,)
        return not self._loading.isdisjoint(names)

    def _wait(self, state: State, command: Play | PlayFile | Music | None) -> None:
        """Until the recording is there the leg keeps what it hears. A command that waited already is replaced."""
        if isinstance(state.waiting, Play | PlayFile):
            self._done(state.waiting.leg, state.waiting.play, "replaced")
        state.waiting = command


def _name(command: PlayFile) -> str:
    """In the library, where no site can give it: ids of plays are never given twice."""
    return f"{OWN}{command.leg}/{command.play}"
