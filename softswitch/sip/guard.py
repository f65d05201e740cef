"""Who may ask for anything (SEC-02..06): credentials, bans and rates, put together for the switch.

Every request outside of a dialog comes through `account`; what it refuses has been answered, or has been left without an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from softswitch.effects import Flow, Publish
from softswitch.events import SourceBanned, SourceReleased
from softswitch.machine import take
from softswitch.sip.authenticator import Authenticated, Authenticator, Challenge
from softswitch.sip.bans import Ban, BanLimits, Bans, Place, is_scanner
from softswitch.sip.gate import Gate
from softswitch.sip.guesses import Guesses
from softswitch.sip.overload import Overload
from softswitch.sip.passes import Pass
from softswitch.sip.rates import LONGEST, SHORTEST, Rates
from softswitch.sip.spared import Spared, trunk_networks
from softswitch.sip.strangers import Strangers
from softswitch.sip.uri import unescape, uri_user

if TYPE_CHECKING:
    from softswitch.directory import Account, Directory
    from softswitch.events import BindingAdded
    from softswitch.machine import Entropy
    from softswitch.sip.endpoint import Endpoint, RequestReceived
    from softswitch.sip.message import Message


@dataclass(slots=True, frozen=True)
class Defences:
    """What the operator decides. Rates in messages a second, 0 = none; times in seconds."""

    nonce_lifetime: float = 60.0
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")  # in the order in which they are offered
    never_ban: tuple[str, ...] = ()
    bans: BanLimits = field(default_factory=BanLimits)
    stranger_rate: float = 3_000.0
    account_rate: float = 100.0


class Guard:
    """Decides whose a request is, and who is not listened to."""

    def __init__(
        self,
        directory: Directory,
        endpoint: Endpoint,
        guesses: Guesses,
        entropy: Entropy,
        key: bytes,
        defences: Defences,
        *,
        bound: Callable[[str, float], bool],
    ) -> None:
        """`bound`: whether a user has a registration now."""
        self.spared = Spared(defences.never_ban)
        self.authenticator = Authenticator(
            directory.domain,
            key,
            lifetime=defences.nonce_lifetime,
            algorithms=defences.digest_algorithms,
            guesses=guesses,
        )
        self.passes = self.authenticator.passes
        self.bans = Bans(guesses.proven, defences.bans, lives_at=guesses.lives_at, spared=self.spared)
        self.strangers = Strangers(defences.stranger_rate, guesses.proven, self.spared)
        self.rates = Rates(defences.account_rate)
        overload = Overload(entropy, endpoint.knows, bound)
        self.gate = Gate(self.bans, self.strangers, overload)
        self._guesses = guesses
        self._directory = directory
        self._endpoint = endpoint
        self._entropy = entropy
        self.out: list[object] = []
        self.configure(directory)

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> None:
        """Nothing here waits for a time."""

    def drain(self) -> list[object]:
        return take(self.out)

    # --- inputs ---

    def configure(self, directory: Directory) -> None:
        """Take a new snapshot of the site."""
        for gone in self._directory.accounts.keys() - directory.accounts.keys():
            self._guesses.forget_account(gone)
        self._directory = directory
        self.passes.keep(self._is_permitted)
        self.spare(())
        numbers = directory.emergency_numbers
        # With and without what is dialled for an outside line: nobody thinks of it then.
        self.gate.overload.priority = frozenset((*numbers, *(directory.outside_prefix + one for one in numbers)))

    def spare(self, hosts: Iterable[str]) -> None:
        """Never cut off the addresses of trunks: those of the site, and `hosts`, what the DNS has for names."""
        self.spared.set_hosts([*trunk_networks(self._directory.trunks.values()), *hosts])

    def trust(self, bindings: Iterable[BindingAdded]) -> None:
        """Registrations of an earlier process: whoever holds them has proved an account."""
        for binding in bindings:
            self._guesses.succeeded(Flow(*binding.flow), binding.aor)

    def flow_failed(self, flow: Flow) -> None:
        """A connection is gone, and with it what was proved over it."""
        if flow.connection:
            self._guesses.forget(flow)

    def knows(self, flow: Flow) -> bool:
        """Whether a flow has proved an account, or is a trunk's."""
        return self._guesses.proven(flow) or self.spared(flow.host)

    # --- requests ---

    def account(self, item: RequestReceived, now: float) -> Account | None:
        """Whose request this is; None when it has been answered with a challenge or a refusal."""
        message = item.message
        flow = message.flow
        stranger = not self._guesses.proven(flow)
        verdict = self.authenticator.check(message, self._directory.accounts, now)
        if isinstance(verdict, Authenticated):
            if stranger:
                self.strangers.proved(flow, now)
            return verdict.account if self._may(item, verdict.account, now) else None
        if verdict.failed:
            self._tell(self.bans.strike(flow, now), now)
        elif self.is_scanner(item, now):
            return None
        headers = verdict.headers if isinstance(verdict, Challenge) else ""
        self._endpoint.reject(item.transaction, verdict.status, now, headers=headers)
        return None

    def _may(self, item: RequestReceived, account: Account, now: float) -> bool:
        """Whether the account may ask for this once more; calls for help are never counted."""
        message = item.message
        if self.rates.admits(account.user, message.method, now) or self._calls_for_help(message):
            return True
        wait = SHORTEST + self._entropy.below(LONGEST - SHORTEST + 1)
        self._endpoint.reject(item.transaction, 503, now, headers=f"Retry-After: {wait}\r\n")
        return False

    def _calls_for_help(self, message: Message) -> bool:
        return message.method == "INVITE" and unescape(uri_user(message.uri)) in self.gate.overload.priority

    def is_scanner(self, item: RequestReceived, now: float) -> bool:
        """Whether a stranger's request is a scanner's; then it has been dealt with: it gets no answer."""
        agent = item.message.headers.get("user-agent")
        if agent is None or not is_scanner(agent[0]):
            return False
        ban = self.bans.scanner(item.message.flow, agent[0], now)
        if ban is None:
            return False
        self._tell(ban, now)
        self._endpoint.ignore(item.transaction, now)
        return True

    # --- passes of browser phones ---

    def grant(self, granted: Pass, now: float) -> bool:
        """Let a browser be an account's phone; False where the site does not permit it (any more)."""
        if not self._is_permitted(granted):
            return False
        self.passes.grant(granted, now)
        return True

    def end_passes(self, session: str, now: float) -> int:
        """Somebody has logged out of the pages."""
        return self.passes.end(session)

    def _is_permitted(self, one: Pass) -> bool:
        name, digest = one.owner
        user = self._directory.users.get(name)
        return one.account in self._directory.accounts and user is not None and user.digest == digest

    # --- bans ---

    def ban(self, place: Place, reason: str, seconds: float, actor: str, now: float) -> Ban:
        """Ban a source by order."""
        ban = self.bans.ban(place, reason, now, seconds)
        self._tell(ban, now, actor)
        return ban

    def unban(self, places: Iterable[Place], actor: str, now: float) -> int:
        """Lift bans; how many there were."""
        wanted = set(places)
        lifted = [ban for ban in self.bans.in_force(now) if ban.place in wanted]
        for ban in lifted:
            self.bans.lift(ban.place)
            self.out.append(Publish(SourceReleased(ban.name, actor)))
        return len(lifted)

    def _tell(self, ban: Ban | None, now: float, actor: str = "switch") -> None:
        if ban is not None:
            self.out.append(Publish(SourceBanned(ban.name, ban.reason, ban.until - now, ban.count, actor)))

    def status(self, now: float) -> dict[str, Any]:
        """Figures for `softswitch status`."""
        guesses = self._guesses
        return {
            "credentials": {"wrong": guesses.failed, "not_judged": guesses.refused},
            "bans": {"in_force": len(self.bans.in_force(now)), "dropped": self.bans.dropped},
            "limits": {"strangers_dropped": self.strangers.dropped, "accounts_refused": self.rates.refused},
        }
