"""What the page of an agent needs beside the queues: a browser phone's pass, and the day's own calls. A part of `operations`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.running.console import ConsoleError
from softswitch.sip.passes import MARK, Pass
from softswitch.store.passwords import digests
from softswitch.store.reports import CallFilter

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_CALLS: Final = 500  # of a day that are looked at
EXPIRES: Final = 120  # seconds of a browser's registration


class DeskOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"phone_pass": self.phone_pass, "phone_passes_end": self.end_passes, "desk": self.desk}

    def phone_pass(self, account: str, user: str, session: str, until: float) -> dict[str, Any]:
        """A name and a password by which a browser is a phone of an account until `until` (Unix time), shown once."""
        daemon = self._daemon
        holder = daemon.directory.users.get(user)
        if holder is None or account not in daemon.directory.accounts:
            raise ConsoleError(f"{user} has no phone {account!r}.", "See: softswitch user list", kind="unknown")
        name, password = MARK + secrets.token_hex(12), secrets.token_urlsafe(24)
        secret = digests(name, daemon.directory.domain, password)
        left = max(0.0, until - time.time())
        granted = Pass(
            name, account, secret.ha1_md5, secret.ha1_sha256, session, (user, holder.digest), time.monotonic() + left
        )
        if not daemon.input("phone pass", daemon.switch.guard.grant, granted):
            raise ConsoleError(f"{account} cannot be a browser's phone now.", "Try again.")
        return {
            "account": account, "name": daemon.directory.accounts[account].name, "domain": daemon.directory.domain,
            "aor": f"sip:{account}@{daemon.directory.domain}", "user": name, "password": password, "until": until,
            "expires": EXPIRES,
        }  # fmt: skip

    def end_passes(self, session: str) -> int:
        """Those of a session that is over."""
        ended: int = self._daemon.input("phone pass", self._daemon.switch.guard.end_passes, session)
        return ended

    async def desk(self, agent: str, account: str, since: float) -> dict[str, Any]:
        """The calls of an agent and of their phone from a moment on (Unix time), the newest first, and what they come to."""
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        found = await reports.recent_calls(MOST_CALLS, CallFilter(agent=agent, since=since)) if agent else []
        if account:
            known = {one.call for one in found}
            everything = await reports.recent_calls(MOST_CALLS, CallFilter(number=account, since=since))
            found += [one for one in everything if one.call not in known]
            found.sort(key=lambda one: one.seq, reverse=True)
        # Whoever listens to them calls their phone's number: that is no call of theirs, and none of their business.
        found = [one for one in found if not any(node.startswith("supervise:") for node in one.path)]
        rows = []
        for one in found[:MOST_CALLS]:
            outward = bool(account) and one.account == account and one.agent != agent
            row = {
                name: value
                for name, value in asdict(one).items()
                if name not in ("path", "path_seconds", "seq", "end_seq")
            }
            rows.append(row | {"direction": "out" if outward else "in"})
        taken = [one for one in rows if one["direction"] == "in" and one["talk_seconds"] > 0]
        made = [one for one in rows if one["direction"] == "out"]
        talk = sum(one["talk_seconds"] for one in taken)
        return {
            "calls": rows,
            "taken": len(taken),
            "made": len(made),
            "missed": sum(
                one["direction"] == "in" and one["ended_at"] is not None and not one["talk_seconds"] for one in rows
            ),
            "talk_seconds": talk,
            "made_seconds": sum(one["talk_seconds"] for one in made),
            "average_seconds": talk / len(taken) if taken else None,
        }
