"""Call flows: generators that read like what a caller experiences, and the runner that drives one on a leg.

A flow yields steps and is sent the result of each: what was typed, how a dial attempt ended. No input, no clock: a test
drives it with a list of digits. Steps of a flow that ends without `Hangup` are followed by one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from softswitch.effects import AgentCommand, ErrandDone

if TYPE_CHECKING:
    from softswitch.call.mailboxes import Draft
    from softswitch.directory import Need

MAX_PLAY: Final = 600.0  # seconds after which clips count as played, whatever the worker says
MAX_FILE: Final = 3_700.0  # ... of a file
FETCH_GRACE: Final = 1.0  # seconds that whoever asks a web service has to say that its time is over
MAX_TYPED_AHEAD: Final = 32  # digits kept for later steps
MAX_STEPS: Final = 1_000  # steps without waiting for anything, before the flow counts as broken


@dataclass(slots=True)
class Play:
    """Play clips. Result: "", or the digit that cut them short (it is kept for the next Gather)."""

    clips: tuple[str, ...]
    interruptible: bool = True
    keep: bool = True  # the digit for the next Gather
    secret: bool = False  # a password is typed before and after: no event tells the keys


@dataclass(slots=True)
class PlayFile:
    """Play a WAV file of ours. Result: "", or the digit that cut it short, which is not kept. `offset`: seconds left out."""

    path: str
    offset: float = 0.0
    started: float = 0.0  # when it began to play


@dataclass(slots=True)
class Record:
    """Beep, then record the caller. Result: why it ended: a key of `until`, "silence", "long" or "failed".

    What was recorded is then the `draft`, for whoever asked for it to keep or to discard.
    """

    draft: Draft
    until: str = "#"


@dataclass(slots=True)
class EnterMailbox:
    """Go on at a mailbox: leave a message ("leave", "busy"), or open it ("open"; without a name "own" or "any")."""

    mailbox: str
    verb: str = "leave"
    draft: str = ""  # the message that goes on after a restart


@dataclass(slots=True)
class Gather:
    """Play clips, then wait for digits. Result: the digits typed, "" if none came for `timeout` seconds after the prompt.

    What was typed ahead counts, and leaves the prompt unplayed. `terminator` ends the input early and is not part of it.
    """

    clips: tuple[str, ...] = ()
    timeout: float = 5.0  # to the first digit
    digits: int = 1
    inter_digit: float = 3.0
    terminator: str = ""
    secret: bool = False  # the keys are a password: no event tells them


@dataclass(slots=True)
class EnterQueue:
    """Wait in a queue; the queue engine decides how it goes on, so there is no result."""

    queue: str
    priority: int = 0
    wait_credit: float = 0.0  # seconds of waiting that count although they were spent elsewhere
    preferred: str = ""  # the agent to be tried first (ACD-22)
    since: float | None = None  # ... or since when they count, in monotonic seconds
    needs: tuple[Need, ...] = ()  # skills that this caller asks for (ACD-19)


@dataclass(slots=True)
class AskCallback:
    """Let the caller ask to be called back by a queue; how it goes on is decided there, so there is no result."""

    queue: str


@dataclass(slots=True)
class Dial:
    """Ring an account, a group or a number outside while the caller hears ringback. Result: how it failed ("busy",
    "no_answer" ...); success ends the flow."""

    user: str
    kind: str = "account"
    detail: str = ""
    timeout: float = 0.0  # seconds, then it counts as "no_answer"; 0 = as long as always


@dataclass(slots=True)
class Fetch:
    """Ask a web service while the caller hears music. Result: that of `effects.ErrandDone`; the answer stands here then."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: float = 5.0  # seconds
    errand: str = ""
    status: int = 0
    answer: bytes = b""
    secret: str = ""  # it is signed with that; "" = it is not signed
    quiet: bool = False  # nobody has answered the caller: their phone makes the sound


@dataclass(slots=True)
class Present:
    """Others see the caller like this from now on; None: as before. No waiting, no result."""

    name: str | None = None
    number: str | None = None


@dataclass(slots=True)
class Here:
    """After a restart the menu goes on at this place. No waiting, no result. `way`: as that of `Mark`."""

    place: str
    way: tuple[str, ...] = ()


@dataclass(slots=True)
class Do:
    """Do at once what the caller has asked for. Result: "", or why it cannot be."""

    act: Callable[[float], str]


@dataclass(slots=True)
class Meet:
    """Go into a conference until the caller hangs up. Result: why that cannot be ("conference_full" ...)."""

    conference: str
    moderator: bool = False


@dataclass(slots=True)
class Watch:
    """Supervise the phone of an account until the caller hangs up. Result: why that cannot be.

    `by`: who asked for it; `granted`: they may, whatever the site says of the account.
    """

    device: str
    mode: str = "listen"
    by: str = "phone"
    granted: bool = False


@dataclass(slots=True)
class Music:
    """Music until the caller hangs up."""

    name: str


@dataclass(slots=True)
class Echo:
    """The caller hears themselves until they hang up."""


@dataclass(slots=True)
class Hangup:
    """End the call. `cause` goes to its record."""

    cause: str = "normal"


@dataclass(slots=True)
class Tell:
    """Give the queue engine a command in the caller's name. No waiting, no result."""

    command: AgentCommand


@dataclass(slots=True)
class Mark:
    """Note where in the menu the caller is (IVR-18). No waiting, no result. `way`: the menus that led there by keys."""

    step: str
    detail: str = ""
    way: tuple[str, ...] = ()


@dataclass(slots=True)
class Language:
    """The clips that follow are of this language."""

    language: str


Step: TypeAlias = (
    Play | PlayFile | Gather | Record | Do | EnterQueue | AskCallback | EnterMailbox | Dial | Fetch | Meet | Watch | Music
    | Echo | Hangup | Tell | Mark | Language | Present | Here
)  # fmt: skip
Flow: TypeAlias = Generator[Step, str, None]


class Stage(Protocol):
    """What the runner needs from the call it plays on."""

    def play(self, clips: tuple[str, ...], interruptible: bool) -> int: ...
    def play_file(self, step: PlayFile, now: float) -> int: ...
    def record(self, step: Record, now: float) -> None: ...
    def stop_recording(self, step: Record, now: float) -> None: ...
    def enter_mailbox(self, step: EnterMailbox, now: float) -> None: ...
    def music(self, name: str) -> None: ...
    def echo(self) -> None: ...
    def wait_until(self, at: float | None) -> None: ...
    def enter_queue(self, step: EnterQueue, now: float) -> None: ...
    def ask_callback(self, step: AskCallback, now: float) -> None: ...
    def dial(self, step: Dial, now: float) -> None: ...
    def stop_dialling(self, now: float) -> None: ...
    def fetch(self, step: Fetch, now: float) -> None: ...
    def present(self, step: Present) -> None: ...
    def here(self, step: Here) -> None: ...
    def meet(self, step: Meet, now: float) -> str: ...
    def watch(self, step: Watch, now: float) -> str: ...
    def finish(self, cause: str, now: float) -> None: ...
    def tell(self, command: AgentCommand) -> None: ...
    def mark(self, step: Mark) -> None: ...
    def speak(self, language: str) -> None: ...


class Runner:
    """Drives one flow: performs a step, waits for what ends it, sends the result back."""

    __slots__ = ("_cause", "_flow", "_play", "_stage", "_step", "_typed", "digits", "started")

    def __init__(self, flow: Flow, stage: Stage) -> None:
        self._flow: Flow | None = flow
        self._stage = stage
        self._step: Step | None = None
        self._play = 0  # the clips being played, 0 if none
        self._typed = ""  # what the present Gather has so far
        self._cause = ""  # the key that has ended the present Record
        self.started = False
        self.digits: list[str] = []  # typed ahead

    @property
    def secret(self) -> bool:
        """Whether the keys that come now are a password."""
        step = self._step
        return isinstance(step, Play | Gather) and step.secret

    @property
    def active(self) -> bool:
        return self._flow is not None

    @property
    def step(self) -> Step | None:
        """What is being done now."""
        return self._step

    def start(self, now: float) -> None:
        self.started = True
        self._advance(None, now)

    def stop(self) -> None:
        """The call is over, or goes on without the flow."""
        flow, self._flow = self._flow, None
        self._step = None
        self._play = 0
        self._stage.wait_until(None)
        if flow is not None:
            flow.close()

    def digit(self, digit: str, now: float) -> None:
        """A key was pressed."""
        step = self._step
        if type(step) is Gather:
            self._collect(step, digit, now)
            return
        if type(step) is Record:
            if digit in step.until:
                self._cause = digit
                self._stage.stop_recording(step, now)
            return
        if type(step) is PlayFile or (type(step) is Play and step.interruptible and not step.keep):
            self._advance(digit, now)
            return
        if len(self.digits) < MAX_TYPED_AHEAD:
            self.digits.append(digit)
        if type(step) is Play and step.interruptible:
            self._advance(digit, now)

    def play_done(self, play: int, cause: str, now: float) -> None:
        """The worker has played the clips, or could not. Stale reports are ignored; a cut by a digit waits for the digit."""
        if play != self._play or cause in ("digit", "replaced"):
            return
        self._play = 0
        step = self._step
        if type(step) is Gather:
            self._listen(step, now)
        elif type(step) is Play or type(step) is PlayFile:
            self._advance("", now)

    def recorded(self, step_draft: Draft, cause: str, now: float) -> bool:
        """The recording of the present step is complete, or has failed. False if it is another step's."""
        step = self._step
        if type(step) is not Record or step.draft is not step_draft:
            return False
        self._advance(self._cause or cause, now)
        return True

    def expire(self, now: float) -> None:
        """The time of the present step is over."""
        step = self._step
        if type(step) is Gather and self._play:
            self._play = 0
            self._listen(step, now)
        elif type(step) is Gather:
            self._gathered(now)
        elif type(step) is Play or type(step) is PlayFile:
            self._play = 0
            self._advance("", now)
        elif type(step) is Dial:
            self._stage.stop_dialling(now)
            self._advance("no_answer", now)
        elif type(step) is Fetch:
            self._advance("timeout", now)

    def resume(self, result: str, now: float) -> None:
        """A step that another machine carried out has ended."""
        if type(self._step) is Dial:
            self._advance(result, now)

    def fetched(self, done: ErrandDone, now: float) -> bool:
        """An errand has come to its end; False if it is not what the flow waits for."""
        step = self._step
        if type(step) is not Fetch or step.errand != done.errand:
            return False
        step.status, step.answer = done.status, done.body
        self._advance(done.result, now)
        return True

    # --- inside ------------------------------------------------------------------------------------------------------

    def _advance(self, result: str | None, now: float) -> None:
        """Send the result of the step and perform the next ones until one waits."""
        self._play = 0
        self._cause = ""
        self._stage.wait_until(None)
        for _ in range(MAX_STEPS):
            flow = self._flow
            if flow is None:
                return
            try:
                step = next(flow) if result is None else flow.send(result)
            except StopIteration:
                step = Hangup()
            self._step = step
            result = self._perform(step, now)
            if result is None:
                return
        self.stop()
        self._stage.finish("flow_loop", now)

    def _perform(self, step: Step, now: float) -> str | None:
        """Begin a step; the result if it is over at once, None if it waits."""
        stage = self._stage
        kind = type(step)
        if isinstance(step, Play):
            return self._play_step(step, now)
        if isinstance(step, Gather):
            return self._gather_step(step, now)
        if isinstance(step, PlayFile):
            return self._play_file(step, now)
        if isinstance(step, Record):
            self.digits.clear()
            stage.record(step, now)
            return None
        if isinstance(step, EnterMailbox):
            stage.enter_mailbox(step, now)
            return None
        if isinstance(step, EnterQueue):
            stage.enter_queue(step, now)
            return None
        if isinstance(step, AskCallback):
            stage.ask_callback(step, now)
            return None
        if isinstance(step, Dial):
            stage.dial(step, now)
            if step.timeout and self._step is step:
                stage.wait_until(now + step.timeout)
            return None
        if isinstance(step, Fetch):
            if not step.quiet:
                stage.music("")
            stage.fetch(step, now)
            stage.wait_until(now + step.timeout + FETCH_GRACE)
            return None
        if isinstance(step, Do):
            return step.act(now)
        if isinstance(step, Meet):
            return stage.meet(step, now) or None
        if isinstance(step, Watch):
            return stage.watch(step, now) or None
        if isinstance(step, Music):
            stage.music(step.name)
            return None
        if isinstance(step, Echo):
            stage.echo()
            return None
        if isinstance(step, Hangup):
            self.stop()
            stage.finish(step.cause, now)
            return None
        if isinstance(step, Tell):
            stage.tell(step.command)
        elif isinstance(step, Mark):
            stage.mark(step)
        elif isinstance(step, Here):
            stage.here(step)
        elif isinstance(step, Present):
            stage.present(step)
        else:
            assert kind is Language
            stage.speak(step.language)
        return ""

    def _play_step(self, step: Play, now: float) -> str | None:
        if not step.clips:
            return ""
        if step.interruptible and self.digits:
            return self.digits[0] if step.keep else self.digits.pop(0)
        self._play = self._stage.play(step.clips, step.interruptible)
        self._stage.wait_until(now + MAX_PLAY)
        return None

    def _play_file(self, step: PlayFile, now: float) -> str | None:
        if self.digits:
            return self.digits.pop(0)
        step.started = now
        self._play = self._stage.play_file(step, now)
        self._stage.wait_until(now + MAX_FILE)
        return None

    def _gather_step(self, step: Gather, now: float) -> str | None:
        self._typed = ""
        while self.digits:
            digit = self.digits.pop(0)
            if self._complete(step, digit):
                return self._typed
        if self._typed or not step.clips:
            self._listen(step, now)
        else:
            self._play = self._stage.play(step.clips, True)
            self._stage.wait_until(now + MAX_PLAY)
        return None

    def _collect(self, step: Gather, digit: str, now: float) -> None:
        if self._complete(step, digit):
            self._gathered(now)
        else:
            self._play = 0
            self._listen(step, now)

    def _complete(self, step: Gather, digit: str) -> bool:
        """Add a digit; whether the input is complete."""
        if digit == step.terminator:
            return True
        self._typed += digit
        return len(self._typed) >= step.digits

    def _listen(self, step: Gather, now: float) -> None:
        """The prompt is over: wait for a key, never in silence (MED-13)."""
        self._stage.music("")
        self._stage.wait_until(now + (step.inter_digit if self._typed else step.timeout))

    def _gathered(self, now: float) -> None:
        typed, self._typed = self._typed, ""
        self._advance(typed, now)
