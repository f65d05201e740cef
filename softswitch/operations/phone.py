"""What people and programs may ask a running switch about phones: their settings, parked calls. A part of `operations`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from softswitch.call import view
from softswitch.call.phones import SETTINGS
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon


class PhoneOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"phones": self.phones, "phone": self.phone, "parked": self.parked, "originate": self.originate}

    def phones(self) -> list[dict[str, Any]]:
        return view.phones(self._daemon.switch.calls.board)

    def parked(self) -> list[dict[str, Any]]:
        return view.parked(self._daemon.switch.calls.board, time.monotonic())

    def originate(self, account: str, number: str, auto_answer: bool = False, by: str = "cli") -> dict[str, Any]:
        """Ring an account's phone, and call a number for whoever answers."""
        switch = self._daemon.switch
        order = partial(switch.originate, by=by, by_itself=auto_answer)
        call, refusal = self._daemon.input("originate", order, account, number) or ("", "see the log")
        if refusal:
            raise ConsoleError(
                f"{account} is not connected with {number}: {refusal}.",
                "Accounts: softswitch export; what each may call: [policy.NAME].",
            )
        return {"call": call, "account": account, "number": number}

    def phone(self, account: str, setting: str, value: str) -> dict[str, Any]:
        """Put a setting of an account in force, as its phone could."""
        daemon = self._daemon
        if account not in daemon.directory.accounts:
            raise ConsoleError(f"There is no account {account!r}.", "See: softswitch account list", kind="unknown")
        if setting not in SETTINGS:
            raise ConsoleError(f"There is no setting {setting!r}.", f"One of: {', '.join(SETTINGS)}.")
        refusal = daemon.input("phone", daemon.switch.set_phone, account, setting, value, "cli")
        if refusal:
            raise ConsoleError(f"{setting} of {account} cannot be {value!r}: {refusal}.", "See: softswitch phone")
        return next(one for one in self.phones() if one["account"] == account)
