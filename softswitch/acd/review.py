"""What is looked at before a queue's match, where there is more to it than who is free and who waits.

Which strategy holds now (ACD-20), and whether those who wait for one agent still may hope (ACD-22).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from softswitch.events import Event, StrategyChanged

if TYPE_CHECKING:
    from softswitch.acd.caller import Caller
    from softswitch.acd.floor import Floor
    from softswitch.acd.queue import QueueState
    from softswitch.acd.sections import Sections
    from softswitch.acd.strategy import Strategy
    from softswitch.acd.visits import Visits
    from softswitch.directory import StrategyRule

IsOpen = Callable[[str], bool]


class Review:
    """`strategy`: by name; `is_open`: whether an opening-hours scheme is open now."""

    def __init__(
        self,
        visits: Visits,
        sections: Sections,
        floor: Floor,
        publish: Callable[[Event], None],
        strategy: Callable[[str], Strategy],
        is_open: IsOpen,
    ) -> None:
        self._visits = visits
        self._sections = sections
        self._floor = floor
        self._publish = publish
        self._strategy = strategy
        self._is_open = is_open

    def look(self, queue: QueueState, now: float) -> None:
        if queue.doubted:
            self._sections.review(queue, now)
        if queue.config.strategy_rules:
            self._choose(queue, now)

    def failed(self, caller: Caller, now: float) -> None:
        """The one agent whom the caller wanted did not take the call."""
        self._sections.renounce(caller, now)

    # --- strategies by rule ----------------------------------------------------------------------------------------

    def _choose(self, queue: QueueState, now: float) -> None:
        config = queue.config
        rule = next((rule for rule in config.strategy_rules if self._holds(rule, queue)), None)
        strategy = self._strategy(rule.strategy if rule is not None else config.strategy)
        if self.use(queue, strategy, now):
            self._publish(StrategyChanged(queue.name, strategy.name, _cause(rule)))

    def _holds(self, rule: StrategyRule, queue: QueueState) -> bool:
        return (
            (not rule.hours or self._is_open(rule.hours))
            and (not rule.closed or not self._is_open(rule.closed))
            and (not rule.waiting or len(queue) > rule.waiting)
            and (not rule.load or queue.load >= rule.load)
        )

    def use(self, queue: QueueState, strategy: Strategy, now: float) -> bool:
        """Another strategy holds: those who stand in line stand in it anew, where it orders them in another way. Whether it
        is another one."""
        if strategy is queue.strategy:
            return False
        idle = [place for tier in (*queue.tiers, queue.guests) for place in tier.idle]
        moved = [place[3].agent for place in idle if place[0] != strategy.key(place[3].agent)]
        for agent in moved:
            self._floor.step_aside(agent)
        queue.use(strategy)
        for agent in moved:
            self._floor.stand(agent)
        for entry in queue.ringing:
            self._visits.arm_widening(entry[-1], now)
        return True


def _cause(rule: StrategyRule | None) -> str:
    """The conditions of a rule, in words for the event; "" = no rule holds."""
    if rule is None:
        return ""
    parts = [f"{rule.hours} open" if rule.hours else "", f"{rule.closed} closed" if rule.closed else ""]
    parts += [f"more than {rule.waiting} waiting" if rule.waiting else "", f"load {rule.load:g}" if rule.load else ""]
    return ", ".join(part for part in parts if part)
