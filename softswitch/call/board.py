"""What all calls of the switch share: the site, the SIP endpoint, media ports, timers, and the ways out."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from media.control import Statistics
from softswitch.call.announcing import Nowhere, Standings
from softswitch.call.codecs import repertoire
from softswitch.call.description import Terms
from softswitch.call.desk import Desk
from softswitch.call.incall import Keypad
from softswitch.call.ledger import Ledger
from softswitch.call.leg import DEADLINES
from softswitch.call.mailboxes import Mailboxes
from softswitch.call.media import MediaPool
from softswitch.call.menu import Site
from softswitch.call.naming import DEFAULT_NAME
from softswitch.call.phones import Phones
from softswitch.call.recording import Recorder
from softswitch.call.toll import Guard
from softswitch.directory import Account
from softswitch.effects import (
    CallsChanged,
    ConversationEnded,
    DeviceBusy,
    DeviceFree,
    Flow,
    LeaveQueue,
    OfferFailed,
    OfferResult,
    Outcome,
    Publish,
)
from softswitch.events import Event, LegEnded, MediaAlarm, PromptMissing
from softswitch.machine import OwnedDeadlines
from softswitch.outside import TRUNK, Trunk
from softswitch.sip.listener import WILDCARDS, contact, is_loopback, literal, sent_by
from softswitch.sip.trunks import Trunks

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.callback import Attempt
    from softswitch.call.conference import Meeting
    from softswitch.call.leaving import Leaving
    from softswitch.call.leg import Leg
    from softswitch.call.media import MediaLeg
    from softswitch.call.park import Parked
    from softswitch.call.queueing import Offer
    from softswitch.call.supervise import Supervision
    from softswitch.directory import Directory
    from softswitch.machine import Entropy
    from softswitch.sip.endpoint import Endpoint
    from softswitch.sip.registrar import Binding

_COUNTERS: Final = tuple(name for name in Statistics.__dataclass_fields__ if name != "leg")
_counted = attrgetter(*_COUNTERS)
STATISTICS_WAIT: Final = 1.0  # seconds that the record of a leg waits for its last statistics
LEADS: Final = ("target", "return", "again", "number")  # deadlines of whoever leads a party to somebody
WORKER_GRACE: Final = 10.0  # seconds that calls wait for the replacement of their media worker
ALLOW: Final = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY\r\n"


@dataclass(slots=True, frozen=True)
class Policy:
    """What the host's configuration decides about calls. Times in seconds."""

    no_answer_timeout: float = 60.0  # of the whole attempt to reach somebody
    group_timeout: float = 20.0  # of one group of contacts, when others with a lower q follow
    silence_timeout: float = 4.0  # a contact that has not said a word counts as dead once the others have refused
    rtp_timeout: float = 60.0  # without RTP while talking (MED-24)
    rtp_timeout_hold: float = 300.0  # ... while on hold; 0 = never, for both
    country: str = ""  # of the tones; "" = the site's
    recordings: str = ""  # the folder they go to; "" = nothing is recorded
    recording_name: str = DEFAULT_NAME
    voicemail: str = ""  # the folder of messages and greetings; "" = there is no voicemail
    media_addresses: tuple[str, ...] = ()  # further ones of ours, where SDP names one outside (candidates for browsers)
    session_expires: int = 1_800  # of sessions that nobody refreshes (RFC 4028); 0 = no session timers
    session_minimum: int = 90  # the shortest that a phone may ask for
    reliable_provisional: str = "media"  # what goes out reliably to phones that can (RFC 3262): "off" | "media" | "all"
    keys_in_clear: bool = False  # SDES keys may travel where the signalling is not encrypted (MED-31)

    @property
    def extensions(self) -> tuple[str, ...]:
        """The option tags of what calls support (RFC 3261 section 20.37)."""
        reliable = ("100rel",) if self.reliable_provisional != "off" else ()
        timer = ("timer",) if self.session_expires else ()
        return ("replaces", "norefersub", *reliable, *timer)


class Place(NamedTuple):
    """How we appear to the peer of a flow."""

    contact: str  # our Contact line and the capabilities that go with it
    host: str  # where we receive its media


# Whether a peer speaks IPv6, and is this machine -> one like it that speaks the other protocol (RFC 5737, RFC 3849).
_ELSEWHERE: Final = {
    (False, False): "2001:db8::1", (False, True): "::1", (True, False): "192.0.2.1", (True, True): "127.0.0.1",
}  # fmt: skip
RESERVED: Final = 4  # media legs of each worker that are kept for emergency calls: two of them at once
MAX_TERMS: Final = 20_000  # remembered
MAX_MISSING: Final = 1_000  # missing clips that are told of, until the prompts change
NOBODY: Final = Account("")  # a leg without an account


Closing = tuple[LegEnded, Callable[[], None]]


class Board:
    """The switchboard: registers of calls, legs and devices, and the list of items that go out."""

    def __init__(
        self,
        directory: Directory,
        endpoint: Endpoint,
        bindings: Callable[[str, float], Sequence[Binding]],
        entropy: Entropy,
        *,
        is_open: Callable[[str], bool],
        policy: Policy,
        media_host: Callable[[Flow], str] | None = None,
        trunks: Trunks | None = None,
    ) -> None:
        self.trunks = trunks or Trunks(endpoint, entropy)
        self.directory = directory
        self.desk = Desk(self.publish, directory, is_open)
        self.site = Site(directory, self.desk.switches.is_open)
        self.endpoint = endpoint
        self.bindings = bindings
        self.entropy = entropy
        self.policy = policy
        self.out: list[object] = []
        self.pool = MediaPool(entropy, self.out)
        self.deadlines = OwnedDeadlines()
        self.calls: dict[str, Call] = {}
        self.legs: dict[str, Leg] = {}  # our tag -> the leg
        self.phones = Phones(self)
        self.parked: dict[str, Parked] = {}  # number of the place -> the call that waits there
        self.turns: dict[str, int] = {}  # ring group that begins with another member each time -> the next
        self.undisturbed: set[Call] = set()  # while which the caller's phone is busy for others
        self.offers: dict[int, Offer] = {}
        self.callbacks: dict[str, Attempt] = {}  # customers who are being called back, by callback
        self.callback_number: Callable[[str], str] = lambda callback: ""  # that they are shown, "" = as always
        # Why a queue takes no callback of a number: "already" | "full", "" if it does. The switch asks the queue engine.
        self.callback_refusal: Callable[[str, str], str] = lambda queue, number: ""
        self.watches: dict[str, list[Supervision]] = {}  # the account of a phone -> who watches it
        self.meetings: dict[str, Meeting] = {}
        self.leaving: dict[str, list[Leaving]] = {}  # legs that have transferred their call away, by account
        self.by_account: dict[str, int] = {}  # calls that an account has made
        self.changed: dict[Call, None] = {}  # since what a restart must know of them was last asked for
        self.standings: Standings = Nowhere()  # how waiting callers stand
        self.clips: Container[str] | None = None  # names that workers can play, None = not told
        self.local: frozenset[str] = frozenset(
            host.lower()
            for listener in endpoint.listeners
            for host in (listener.host, listener.advertised_host, *listener.addresses)
            if host
        )
        self._ports: frozenset[int] = frozenset(listener.port for listener in endpoint.listeners)
        self._supported = f"Supported: {', '.join(policy.extensions)}\r\n"
        self._media_host = media_host
        self._places: dict[tuple[int, str, bool], Place] = {}
        self._terms: dict[tuple[str, str, str, int, int], Terms] = {}
        self._devices: dict[str, int] = {}  # legs outside the queues that occupy a device
        self._closing: dict[tuple[int, int], Closing] = {}
        self._exhausted = False
        self._missing: set[tuple[str, str]] = set()  # clips that somebody was told of
        self.moment: Callable[[], float] = lambda: 0.0  # the time of the present input
        self.guard = Guard(self)
        self.keypad = Keypad()
        self.ledger = Ledger()
        self.recorder = Recorder(self, policy.recordings, policy.recording_name)
        self.mailboxes = Mailboxes(self, policy.voicemail)

    @property
    def country(self) -> str:
        return self.policy.country or self.directory.country

    def publish(self, event: Event) -> None:
        self.out.append(Publish(event))

    def touch(self, call: Call) -> None:
        """Something happens to a call: what a restart must know of it will be another thing."""
        changed = self.changed
        if call not in changed:
            if not changed:
                self.out.append(CallsChanged())
            changed[call] = None

    def place(self, flow: Flow, secure: bool = False) -> Place:
        """How we appear to the peer of a flow; `secure`: by a sips Contact."""
        key = (flow.listener, flow.host, secure)
        found = self._places.get(key)
        if found is None:
            if len(self._places) >= MAX_TERMS:
                self._places.clear()
            listener = self.endpoint.listeners[flow.listener]
            host = sent_by(listener, flow).rpartition(":")[0]
            if self._media_host is not None:
                host = self._media_host(flow)
            found = Place(
                f"Contact: {contact(listener, flow, secure=secure)}\r\n{ALLOW}{self._supported}", literal(host) or host
            )
            self._places[key] = found
        return found

    def terms(self, device: str, flow: Flow, worker: int = -1) -> Terms:
        """What may be negotiated with a phone. Without `worker`: before it is known which one is to serve it."""
        key = (device, flow.transport, flow.host, flow.listener, worker)
        found = self._terms.get(key)
        if found is None:
            if len(self._terms) >= MAX_TERMS:
                self._terms.clear()
            found = self._terms[key] = self._new_terms(device, flow, worker)
        return found

    def _new_terms(self, device: str, flow: Flow, worker: int) -> Terms:
        directory, pool = self.directory, self.pool
        account: Account | Trunk = directory.accounts.get(device, NOBODY)
        if device.startswith(TRUNK):
            account = directory.trunks.get(device[len(TRUNK) :], account)
        sealed = flow.transport in ("tls", "wss")
        return Terms(
            repertoire(account.codecs or directory.codecs, pool.codecs), self._hosts(flow), account.srtp,
            sealed or self.policy.keys_in_clear, sealed, account.webrtc or flow.transport in ("ws", "wss"),
            pool.fingerprint(worker), account.dtmf,
        )  # fmt: skip

    def forget_terms(self) -> None:
        """The site or the workers have changed. Legs in progress keep theirs."""
        self._terms.clear()

    def _hosts(self, flow: Flow) -> tuple[str, ...]:
        """Our media addresses for a peer: the one of its signalling, and one of the other family if we have it."""
        host = self.place(flow).host
        mapped = _ELSEWHERE[":" in flow.host, is_loopback(flow.host)]
        for index, listener in enumerate(self.endpoint.listeners):
            if (":" in listener.host) != (":" in mapped):
                continue
            other = self.place(flow._replace(host=mapped, listener=index)).host
            if (":" in other) == (":" in mapped) and other not in WILDCARDS and is_loopback(other) == is_loopback(host):
                return tuple(dict.fromkeys((host, other, *self.policy.media_addresses)))
        return tuple(dict.fromkeys((host, *self.policy.media_addresses)))

    def is_ours(self, host: str, port: int, terms: Terms) -> bool:
        """Whether media sent there would come back to us: two legs that echo each other's packets never stop."""
        if host not in terms.hosts and host not in self.local:
            return False
        return port in self._ports or self.pool.owns(port)

    # --- media -----------------------------------------------------------------------------------------------------------

    def allocate(
        self, now: float, worker: int | None = None, *, spare: int = 0, emergency: bool = False
    ) -> MediaLeg | None:
        """A media leg, or None and one alarm when they are used up. The last ones of each worker are for emergency calls."""
        reserve = RESERVED if self.directory.trunks and not emergency else 0
        leg = self.pool.allocate(now, worker, spare=spare, reserve=reserve)
        if leg is None and emergency:
            return None  # Whether others are refused is another matter.
        if (leg is None) is not self._exhausted:
            self._exhausted = leg is None
            if leg is None:
                self.publish(
                    MediaAlarm(-1 if worker is None else worker, "ports_exhausted", "calls are refused with 503")
                )
        return leg

    def close_media(self, leg: MediaLeg, event: LegEnded, published: Callable[[], None], now: float) -> None:
        """Close a media leg; the record of its leg is published with the statistics that follow, or without after a while."""
        opened = leg.opened is not None
        leg.close(now)
        if not opened:
            self.publish(event)
            published()
            return
        key = (leg.worker, leg.index)
        if key in self._closing:  # Used again already, and closed again: the worker owes two reports.
            self.without_statistics(key)
        self._closing[key] = (event, published)
        self.deadlines.set((key, "statistics"), now + STATISTICS_WAIT)

    def statistics(self, worker: int, statistics: Statistics) -> None:
        """The last statistics of a closed leg."""
        key = (worker, statistics.leg)
        if key in self._closing:
            self.deadlines.clear((key, "statistics"))
            event = self._closing[key][0]
            event.media = dict(zip(_COUNTERS, _counted(statistics), strict=True))
            event.media["codec"], event.media["security"] = event.codec, event.security
            self.without_statistics(key)

    def without_statistics(self, key: tuple[int, int]) -> None:
        event, published = self._closing.pop(key)
        self.publish(event)
        published()

    # --- devices (ACD-38) -----------------------------------------------------------------------------------------------

    def occupy(self, device: str, kind: str) -> None:
        """A leg outside the queues begins on a device."""
        legs = self._devices.get(device, 0)
        self._devices[device] = legs + 1
        if not legs and not device.startswith(TRUNK):
            self.out.append(DeviceBusy(device, kind))

    def vacate(self, device: str) -> None:
        legs = self._devices.pop(device, 0) - 1
        if legs > 0:
            self._devices[device] = legs
        elif not device.startswith(TRUNK):
            self.out.append(DeviceFree(device))

    def legs_on(self, trunk: str) -> int:
        """How many calls a trunk carries."""
        return self._devices.get(TRUNK + trunk, 0)

    def on_the_phone(self, device: str) -> bool:
        """Whether a phone of this account is in a call, or rings."""
        if device in self._devices:
            return True
        return any(
            leg.device == device
            for offer in self.offers.values()
            for leg in ((offer.leg,) if offer.leg is not None else offer.fork.legs if offer.fork is not None else ())
        )

    # --- clips -----------------------------------------------------------------------------------------------------------

    def resolve(self, clips: Sequence[str], language: str, prompts: str = "", call: str = "") -> tuple[str, ...]:
        """Clip names with their language (IVR-14): the wanted one, else the site's, else English, else any spelling given.

        Of a prompt set where that has the clip. Whoever looks after the prompts is told once of each that is missing.
        """
        return tuple([self._clip(clip, language, prompts, call) for clip in clips])

    def _clip(self, clip: str, language: str, prompts: str, call: str) -> str:
        known = self.clips
        wanted = f"{language}/{clip}"
        if prompts and known is not None and (own := f"{language}/{prompts}/{clip}") in known:
            return own
        if known is None or wanted in known:
            return wanted
        if clip in known:
            return clip
        others = [f"{self.directory.language}/{clip}", f"en/{clip}"]
        if prompts:
            others.insert(0, f"{self.directory.language}/{prompts}/{clip}")
        played = next((name for name in others if name in known), "")
        self.lacks(clip, language, played, call)
        return played or wanted  # The worker reports what is missing and plays comfort instead.

    def took_clips(self, names: Container[str]) -> None:
        """There are other clips than before."""
        self.clips = names
        self._missing.clear()

    def has_exactly(self, clip: str, language: str, prompts: str = "") -> bool:
        """Whether a clip is there in this very language, as far as we were told."""
        known = self.clips
        if known is None or f"{language}/{clip}" in known or clip in known:
            return True
        return bool(prompts) and f"{language}/{prompts}/{clip}" in known

    def lacks(self, clip: str, language: str, played: str, call: str) -> None:
        """A clip is missing in a language, and `played` is heard instead: whoever looks after the prompts is told, once."""
        if (clip, language) not in self._missing and len(self._missing) < MAX_MISSING:
            self._missing.add((clip, language))
            self.publish(PromptMissing(clip, language, played, call))

    def has_clip(self, clip: str, language: str) -> bool:
        """Whether a clip that is nice to have is there, in some language."""
        known = self.clips
        return known is not None and any(f"{one}/{clip}" in known for one in (language, self.directory.language, "en"))

    def new_room(self) -> int:
        """A number for a room of workers: never that of one which workers still have."""
        return 1 + self.entropy.below(2**48)

    def music(self, name: str) -> str:
        """The music class to play: the named one if the site has it, else "default"."""
        return name if name in self.directory.music else "default"

    def forget(self, call: Call, now: float) -> None:
        """Take everything away from a call, whatever state it was left in. No signalling, no records."""
        self.recorder.ended(call, now)
        self.mailboxes.ended(call, now)
        self.recorder.account(call.id, now)
        for leg in [leg for leg in self.legs.values() if leg.call is call]:
            del self.legs[leg.id]
            self.deadlines.forget(leg, DEADLINES)
            self.keypad.forget(leg)
            if leg.occupies and not leg.gone:
                self.vacate(leg.device)
            if leg.errand is not None and not leg.gone:
                self.guard.ended(leg, now)
            if self.pool.legs.get((leg.media.worker, leg.media.index)) is leg.media:
                leg.media.close(now)
        for watches in list(self.watches.values()):
            for watch in [one for one in watches if one.call is call]:
                watches.remove(watch)
        self.watches = {device: watches for device, watches in self.watches.items() if watches}
        for meeting in list(self.meetings.values()):
            if meeting.members.pop(call.id, None) is not None and not meeting.members:
                del self.meetings[meeting.name]
        for device, leaving in list(self.leaving.items()):
            for left in [one for one in leaving if one.call is call]:
                self.deadlines.clear((left, "leave"))
                leaving.remove(left)
            if not leaving:
                del self.leaving[device]
        if call.lead is not None:
            self.deadlines.forget(call.lead, LEADS)
        for offer in [offer for offer in self.offers.values() if offer.call is call]:
            del self.offers[offer.id]
            self.out.append(ConversationEnded(offer.id) if offer.talking else OfferFailed(offer.id, OfferResult.FAILED))
        call.legs.clear()
        self.undisturbed.discard(call)
        for slot in [slot for slot, parked in self.parked.items() if parked.call is call]:
            self.deadlines.clear((self.parked.pop(slot), "parked"))
        if call.visit is not None and call.visit.waiting:
            call.visit.announcer.stop()
            self.out.append(LeaveQueue(call.visit.caller, Outcome.FAILED))
        led = call.lead.fork if call.lead is not None else None
        for fork in (call.fork, led, *(offer.fork for offer in (call.visit.offers.values() if call.visit else ()))):
            for one in (fork, *(fork.parts if fork is not None else ())):
                self.deadlines.forget(one, ("attempt", "group", "silence", "flow", "asked"))
        self.deadlines.forget(call, ("flow", "pressing", "takeover"))
        if call.playing is not None:
            self.deadlines.clear((call.playing, "playing"))
        if self.calls.pop(call.id, None) is not None:
            self.count(call.account.user, -1)

    def sweep(self, call: Call, now: float) -> None:
        """Close the media legs that an interrupted step of a call has left behind: nobody's, or those of legs that are gone."""
        for media in list(self.pool.legs.values()):
            owner: Any = media.owner
            if owner is None or (owner.call is call and owner.gone):
                media.close(now)

    def count(self, user: str, change: int) -> None:
        """An account begins or ends a call. Those that come from outside are nobody's."""
        if not user:
            return
        if calls := self.by_account.pop(user, 0) + change:
            self.by_account[user] = calls

    @property
    def idle(self) -> bool:
        """Whether nothing is left of any call: for tests, and for a shutdown that waits."""
        return not (
            self.calls or self.legs or self.offers or self.pool.legs or self._devices or self._closing or self.deadlines
            or self.by_account or self.watches or self.meetings or self.leaving or self.keypad.typing or self.undisturbed
            or self.parked or not self.mailboxes.idle
        )  # fmt: skip
