"""The guard against toll fraud (SEC-10): whether an account may call a number outside, now.

Everything is refused that is not permitted: countries but the own one, numbers that cost more, too many calls at once, in a
minute or a day, too many minutes in the last 24 hours, calls outside of hours. A stolen password then costs little. The same
holds for calls that are led on - a forward, a transfer, a member of a ring group: they go by the rights of whoever led them
on. An emergency call is never asked.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.dialplan import plan_of
from softswitch.callbacks import POLICY
from softswitch.events import TollAlarm, TollFraudBlocked
from softswitch.numbers import COSTLY, tariff
from softswitch.outside import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.directory import Account, Directory

DAY: Final = 86_400.0
MINUTE: Final = 60.0
QUIET: Final = 3_600.0  # seconds until a limit of the same account alarms again
MAX_KEPT: Final = 20_000  # calls of an account that are remembered for a day
SITE: Final = ""  # whose rights the numbers have that the site itself names
BUILT_IN: Final = Policy(DEFAULT_POLICY)
# By which customers are called back: numbers of the own country, and as many as a call centre makes.
CALLING_BACK: Final = Policy(POLICY, max_calls=100, calls_per_minute=120, calls_per_day=5_000, minutes_per_day=20_000)
LIMITS: Final = frozenset(
    {"too_many_calls", "calls_per_minute", "calls_per_day", "minutes_per_day", "site_calls", "site_minutes"}
)


def policy_of(account: Account, directory: Directory) -> Policy:
    """Where an account may call. One that names no policy has the one named "default", or what is built in."""
    if account.policy == POLICY:
        return callback_policy("", directory)
    return directory.policies.get(account.policy or DEFAULT_POLICY, BUILT_IN)


def callback_policy(name: str, directory: Directory) -> Policy:
    """Which customers a queue calls back: by the policy it names, else by the one named "callback", else by what is built in."""
    return directory.policies.get(name or POLICY, CALLING_BACK)


class Guard:
    """What accounts have called outside lately."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.blocked = 0
        self._now: Counter[str] = Counter()  # legs outside
        self._calls: dict[str, deque[float]] = {}  # when calls began
        self._talked: dict[str, deque[tuple[float, float]]] = {}  # (end, seconds)
        self._alarms: dict[tuple[str, str], float] = {}

    # --- the question ----------------------------------------------------------------------------------------------------

    def admits(self, call: Call, number: str, account: Account | None, now: float) -> bool:
        """Whether a call to a number may be made by the rights of an account (None: the site names the number itself).

        If not, the world is told why."""
        user = account.user if account is not None else SITE
        reason = self._refusal(number, account, now)
        if not reason:
            self._note(user, now)
            return True
        self.blocked += 1
        self.board.publish(TollFraudBlocked(call.id, user, number, reason))
        if reason in LIMITS and now - self._alarms.get((user, reason), -QUIET) >= QUIET:
            self._alarms[user, reason] = now
            self.board.publish(TollAlarm(user, reason, f"a call to {number} was refused"))
        return False

    def refuses(self, number: str, policy: Policy) -> str:
        """Why a policy does not permit calls to a number at all, "" if it does. Nothing is noted."""
        route = plan_of(self.board.directory).route(number)
        if route is None or (route.policies and policy.name not in route.policies):
            return "route"
        return self._where(number, policy)

    def _refusal(self, number: str, account: Account | None, now: float) -> str:
        directory = self.board.directory
        if account is not None and not account.user:
            return "no_authority"
        policy = policy_of(account, directory) if account is not None else None
        route = plan_of(directory).route(number)
        if route is None or (policy is not None and route.policies and policy.name not in route.policies):
            return "route"
        if (limit := directory.max_outside_calls) and sum(self._now.values()) >= limit:
            return "site_calls"
        if (limit := directory.max_outside_minutes) and self._site_minutes(now) >= limit:
            return "site_minutes"
        if policy is None or account is None:
            return ""  # The site names the number itself: somebody who may has decided that.
        return self._where(number, policy) or self._how_much(account.user, policy, now)

    def _where(self, number: str, policy: Policy) -> str:
        directory = self.board.directory
        home = directory.country.lower()
        found = tariff(number, directory.country)
        national = found.country == home
        if number.startswith(policy.deny):
            return "denied"
        if policy.deny_list and self.board.desk.callers.holds(policy.deny_list, number):
            return "not_to_be_called"
        if policy.hours and not self.board.site.is_open(policy.hours) and (policy.closed == "deny" or not national):
            return "closed"
        if number.startswith(policy.allow):
            return ""
        costly = found.kind in COSTLY and not (found.kind == "unknown" and national and number.startswith("+"))
        if costly:
            return found.kind if found.kind != "unknown" else "unknown_number"
        if not found.country:
            return "" if found.kind == "toll_free" else "country"
        allowed = [one.lower() for one in policy.countries] or [home]
        return "" if "*" in allowed or found.country in allowed else "country"

    def _how_much(self, user: str, policy: Policy, now: float) -> str:
        if self._now[user] >= policy.max_calls:
            return "too_many_calls"
        calls = self._recent(user, now)
        if policy.calls_per_minute and sum(at > now - MINUTE for at in calls) >= policy.calls_per_minute:
            return "calls_per_minute"
        if policy.calls_per_day and len(calls) >= policy.calls_per_day:
            return "calls_per_day"
        if policy.minutes_per_day and self.seconds_left(user, policy, now) <= 0:
            return "minutes_per_day"
        return ""

    # --- the books -------------------------------------------------------------------------------------------------------

    def _note(self, user: str, now: float) -> None:
        calls = self._calls.setdefault(user, deque(maxlen=MAX_KEPT))
        calls.append(now)

    def _recent(self, user: str, now: float) -> deque[float]:
        calls = self._calls.get(user)
        if calls is None:
            return deque()
        while calls and calls[0] <= now - DAY:
            calls.popleft()
        return calls

    def _talking(self, user: str, now: float) -> float:
        """Seconds of the last 24 hours, those of calls that go on included."""
        talked = self._talked.get(user)
        while talked and talked[0][0] <= now - DAY:
            talked.popleft()
        going_on = sum(
            now - leg.answered_at
            for leg in self.board.legs.values()
            if leg.errand is not None and leg.errand.authority == user and leg.answered_at and not leg.gone
        )
        return sum(seconds for _, seconds in talked or ()) + going_on

    def _site_minutes(self, now: float) -> float:
        users = {*self._talked, *self._now}
        return sum(self._talking(user, now) for user in users) / MINUTE

    def seconds_left(self, user: str, policy: Policy, now: float) -> float:
        """Of talking, until the day's minutes are used up."""
        return policy.minutes_per_day * MINUTE - self._talking(user, now)

    def began(self, leg: Leg) -> None:
        """A leg to outside was made, or taken over from before a restart."""
        if leg.errand is not None and not leg.errand.emergency:
            self._now[leg.errand.authority] += 1

    def answered(self, leg: Leg, now: float) -> None:
        """Somebody outside has answered: the call ends when the account's minutes do."""
        errand = leg.errand
        if errand is None or errand.emergency or not errand.authority:
            return
        account = self.board.directory.accounts.get(errand.authority)
        if account is not None and (policy := policy_of(account, self.board.directory)).minutes_per_day:
            left = self.seconds_left(errand.authority, policy, now)
            self.board.deadlines.set((leg, "toll"), now + max(left / max(1, self._now[errand.authority]), 1.0))

    def due(self, leg: Leg, now: float) -> bool:
        """Whether the minutes of a leg's account are used up; if not, it is asked again later."""
        errand = leg.errand
        account = self.board.directory.accounts.get(errand.authority) if errand is not None else None
        if account is None:
            return False
        policy = policy_of(account, self.board.directory)
        if not policy.minutes_per_day or self.seconds_left(account.user, policy, now) > 0:
            self.answered(leg, now)
            return False
        self.board.publish(TollAlarm(account.user, "minutes_per_day", "a call was ended"))
        return True

    def ended(self, leg: Leg, now: float) -> None:
        """A leg to outside is over."""
        errand = leg.errand
        if errand is None or errand.emergency:
            return
        user = errand.authority
        self._now[user] -= 1
        if self._now[user] <= 0:
            del self._now[user]
        if leg.answered_at:
            self._talked.setdefault(user, deque(maxlen=MAX_KEPT)).append((now, now - leg.answered_at))

    # --- over a restart ----------------------------------------------------------------------------------------------

    def export(self, now: float) -> dict[str, Any]:
        """What was called in the last 24 hours, as JSON values; times as seconds before now."""
        return {
            "calls": {user: [round(now - at, 1) for at in self._recent(user, now)] for user in self._calls},
            "talked": {
                user: [(round(now - at, 1), round(seconds, 1)) for at, seconds in talked if at > now - DAY]
                for user, talked in self._talked.items()
            },
        }

    def restore(self, kept: dict[str, Any], now: float) -> None:
        """Take back what `export` gave."""
        for user, ages in kept.get("calls", {}).items():
            self._calls[str(user)] = deque((now - float(age) for age in ages), maxlen=MAX_KEPT)
        for user, talks in kept.get("talked", {}).items():
            self._talked[str(user)] = deque(
                ((now - float(age), float(seconds)) for age, seconds in talks), maxlen=MAX_KEPT
            )
