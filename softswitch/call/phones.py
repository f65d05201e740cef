"""What the owner of a phone has set at it: forwarding, do not disturb, call waiting; and the numbers of the last calls.

The site says what holds to begin with; what was said since by the phone (or an operator) overrules it, until the site is given
another value for that account. Every change is an event, from which the next process knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from softswitch.events import Event, PhoneChanged

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.directory import Account, Directory

FORWARDS: Final = ("always", "busy", "no_answer", "unreachable")
SWITCHES: Final = ("do_not_disturb", "call_waiting")
SETTINGS: Final = (*SWITCHES, *(f"forward_{kind}" for kind in FORWARDS))
CALL_BACK_SECONDS: Final = 1_800.0  # after an emergency call, in which calls from outside ring whatever was set
MAX_TARGET: Final = 80  # characters of a destination


@dataclass(slots=True)
class Last:
    """The last calls of an account, for calling back and calling again."""

    caller: str = ""
    dialled: str = ""


@dataclass(slots=True)
class Said:
    """What an account's owner has said. Settings as text ("on", "off", a destination); only those that overrule the site."""

    settings: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)  # setting -> where to the last time, to switch it on again


class Phones:
    """The settings of all accounts."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._said: dict[str, Said] = {}
        self._last: dict[str, Last] = {}
        self._called_for_help: dict[str, float] = {}  # account -> when it called an emergency number
        self.calls_noted = 0  # how often the last numbers have changed, for whoever keeps them

    # --- what holds --------------------------------------------------------------------------------------------------

    def setting(self, account: Account, name: str) -> str:
        """A setting as text."""
        said = self._said.get(account.user)
        if said is not None and name in said.settings:
            return said.settings[name]
        return _of_site(account, name)

    def do_not_disturb(self, account: Account) -> bool:
        said = self._said.get(account.user)
        return account.do_not_disturb if said is None else self.setting(account, "do_not_disturb") == "on"

    def call_waiting(self, account: Account) -> bool:
        said = self._said.get(account.user)
        return account.call_waiting if said is None else self.setting(account, "call_waiting") == "on"

    def forward(self, account: Account, kind: str) -> str:
        """Where its calls go in this case ("always" | "busy" | "no_answer" | "unreachable"); "" = nowhere."""
        if account.user not in self._said:
            return _FORWARD[kind](account)
        return self.setting(account, f"forward_{kind}")

    def number(self, account: Account, setting: str) -> str:
        """Where a forward led the last time that it was on."""
        said = self._said.get(account.user)
        return (said.numbers.get(setting, "") if said is not None else "") or _of_site(account, setting)

    def overruled(self, account: str) -> dict[str, str]:
        """The settings that are not the site's."""
        said = self._said.get(account)
        return dict(said.settings) if said is not None else {}

    # --- changes -----------------------------------------------------------------------------------------------------

    def set(self, user: str, name: str, value: str, by: str) -> None:
        """Put a setting in force; nothing happens if it is already."""
        account = self._board.directory.accounts[user]
        if self.setting(account, name) == value:
            return
        self._note(user, name, value)
        self._board.publish(PhoneChanged(user, name, value, by))

    def _note(self, user: str, name: str, value: str) -> None:
        said = self._said.setdefault(user, Said())
        said.settings[name] = value
        if value and name not in SWITCHES:
            said.numbers[name] = value

    def configure(self, before: Directory, after: Directory) -> None:
        """The site has changed. Where it has another value for a setting than before, that is the last word."""
        for user, said in list(self._said.items()):
            account, old = after.accounts.get(user), before.accounts.get(user)
            if account is None:
                del self._said[user]
                self._last.pop(user, None)
                continue
            for name in [one for one in said.settings if old and _of_site(old, one) != _of_site(account, one)]:
                del said.settings[name]
                self._board.publish(PhoneChanged(user, name, _of_site(account, name), "site"))

    # --- the last calls ----------------------------------------------------------------------------------------------

    def last(self, user: str) -> Last:
        return self._last.get(user) or Last()

    def called(self, user: str, caller: str) -> None:
        """Somebody calls the account; "" if they do not say who."""
        last = self._last.get(user)
        if last is None:
            last = self._last[user] = Last()
        last.caller = caller
        self.calls_noted += 1

    def dialled(self, user: str, number: str) -> None:
        """The account calls a number."""
        last = self._last.get(user)
        if last is None:
            last = self._last[user] = Last()
        last.dialled = number
        self.calls_noted += 1

    def forget(self, is_theirs: Callable[[str], bool]) -> None:
        """Forget somebody's numbers among the last ones."""
        for last in self._last.values():
            last.caller = "" if is_theirs(last.caller) else last.caller
            last.dialled = "" if is_theirs(last.dialled) else last.dialled
        self.calls_noted += 1

    def called_for_help(self, user: str, now: float) -> None:
        """The account has called an emergency number: somebody may call back."""
        self._called_for_help[user] = now

    def awaits_help(self, user: str, now: float) -> bool:
        """Whether a call from outside may be the one that calls back."""
        return user in self._called_for_help and now - self._called_for_help[user] <= CALL_BACK_SECONDS

    # --- restart -----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """The settings, as JSON values."""
        return {
            user: {"settings": dict(said.settings), "numbers": dict(said.numbers)} for user, said in self._said.items()
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """What `export` gave in another life. Of accounts that are no more, nothing is kept."""
        accounts = self._board.directory.accounts
        for user, said in data.items():
            if user in accounts:
                settings = {name: str(value) for name, value in said["settings"].items() if name in SETTINGS}
                self._said[user] = Said(settings, {str(name): str(value) for name, value in said["numbers"].items()})

    def export_last(self) -> dict[str, Any]:
        return {user: [last.caller, last.dialled] for user, last in self._last.items()}

    def restore_last(self, data: Mapping[str, Any]) -> None:
        for user, (caller, dialled) in data.items():
            if user in self._board.directory.accounts:
                self._last.setdefault(user, Last(str(caller), str(dialled)))


def catch_up(data: Mapping[str, Any], events: Iterable[tuple[float, Event]]) -> dict[str, Any]:
    """Exported settings brought up to the end of the journal."""
    found = {
        user: {"settings": dict(said["settings"]), "numbers": dict(said["numbers"])} for user, said in data.items()
    }
    for _, event in events:
        if isinstance(event, PhoneChanged):
            said = found.setdefault(event.account, {"settings": {}, "numbers": {}})
            if event.by == "site":
                said["settings"].pop(event.setting, None)
                continue
            said["settings"][event.setting] = event.value
            if event.value and event.setting not in SWITCHES:
                said["numbers"][event.setting] = event.value
    return found


# What the site says, without a detour: every call asks for it.
_FORWARD: Final[dict[str, Callable[[Account], str]]] = {kind: attrgetter(f"forward_{kind}") for kind in FORWARDS}


def _of_site(account: Account, name: str) -> str:
    value = getattr(account, name)
    return value if isinstance(value, str) else "on" if value else "off"
