"""What supervisors ask of a running switch: the board, alerts, texts to agents, live supervision. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.orders import NO_CALL
from softswitch.running.console import ConsoleError
from softswitch.running.forecasting import forecast

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_TEXT: Final = 500  # characters
SWITCHES: Final = ("listen", "whisper", "barge", "takeover", "end")


class SupervisorOperations:
    """The handlers."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "board": self.board,
            "alerts": self.alerts,
            "agent_message": self.agent_message,
            "supervise": self.supervise,
            "queue_adjust": self.queue_adjust,
        }

    async def board(self, after: int = 0) -> dict[str, Any]:
        """Figures of all queues, agents, and the alerts that are raised; with what the event `after` has changed."""
        return await self._daemon.wallboard.view(after)

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are raised now."""
        return self._daemon.wallboard.active()

    def agent_message(self, agent: str, text: str, by: str = "cli", sender: str = "") -> dict[str, Any]:
        """A short text that the agent sees in their panel."""
        if agent not in self._daemon.directory.agents:
            known = ", ".join(sorted(self._daemon.directory.agents)[:20])
            raise ConsoleError(f"There is no agent {agent!r}.", f"There are: {known}.", kind="unknown")
        text = "".join(one for one in text if one.isprintable() or one == "\n").strip()
        if not 0 < len(text) <= MOST_TEXT:
            raise ConsoleError("There is nothing to say, or too much.", f"1 to {MOST_TEXT} characters.")
        return self._daemon.wallboard.message(agent, text, by, sender)

    async def queue_adjust(
        self, queue: str, settings: dict[str, Any], dry_run: bool = False, by: str = "cli"
    ) -> dict[str, Any]:  # fmt: skip
        """Change settings of a queue; `dry_run`: what would change, whom it touches, and what the last hour would have been."""
        daemon = self._daemon
        options = {"queue": queue, "settings": settings, "dry_run": dry_run}
        result = await daemon.edit("queue_set", options, by)
        if not dry_run or not result["changes"]:
            return {name: value for name, value in result.items() if name != "site"}
        return await forecast(result, daemon.config.paths.database, daemon.config.paths.strategies)

    def supervise(self, call: str, account: str, mode: str, by: str = "cli") -> dict[str, Any]:
        """Change what a supervisor does to a call that they hear already: another mode, takeover, or the end."""
        daemon = self._daemon
        if mode not in SWITCHES:
            raise ConsoleError(f"There is no mode {mode!r}.", f"One of: {', '.join(SWITCHES)}.")
        refusal = daemon.input("supervise", lambda now: daemon.switch.supervise(call, account, mode, by, now))
        if refusal:
            kind = "unknown" if refusal == NO_CALL else "failed"
            raise ConsoleError(f"{account} cannot {mode} {call}: {refusal}.", "See: softswitch calls", kind=kind)
        return {"call": call, "account": account, "mode": mode}
