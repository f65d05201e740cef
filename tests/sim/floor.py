"""A small call centre for tests of transfers: anna calls, bob answers, carl, dora and eve are there to be asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from media.control import Stop
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand
from tests.sim.phone import Line, VirtualPhone
from tests.sim.world import World, account, site


class Floor:
    """anna calls the queue "sales" and bob, an agent, answers; carl is a colleague; dora serves the queue "support"."""

    def __init__(
        self,
        *,
        direct: bool = False,
        workers: int = 1,
        seed: int = 0,
        wrap_up: float = 15.0,
        supervisor: str = "",
        record: str = "off",
        **more: Any,
    ) -> None:
        queue = {
            "sales": Queue("sales", members=(Membership("bob"),), wrap_up=wrap_up, ring_timeout=20.0, record=record),
            "support": Queue("support", members=(Membership("dora"),), wrap_up=5.0, ring_timeout=20.0),
        }
        accounts = {
            user: account(user, name=user.capitalize(), max_calls=8) for user in ("anna", "bob", "carl", "dora", "eve")
        }
        if supervisor:
            accounts[supervisor] = replace(accounts[supervisor], supervises=("sales",))
        agents = {name: Agent(name, name) for name in ("bob", "dora")}
        policy = {name: more.pop(name) for name in list(more) if name in ("recordings",)}
        self.world = w = World(
            site(
                accounts=accounts, agents=agents, queues=queue, music={"default": ()},
                extensions={"600": "queue:sales", "601": "queue:support", "102": "extension:carl", "echo": "echo"}, **more,
            ),
            seed=seed, workers=workers, **policy,
        )  # fmt: skip
        self.phones: dict[str, VirtualPhone] = {}
        for user in accounts:
            self.phones[user] = w.phone(user, answer_after=0.5)
        w.run(1)
        for name in agents:
            w.switch.queues.handle(AgentCommand(name, "login", actor="test"), w.now)
        w.switch.settle(w.now)
        self.caller = self.phones["anna"].call("bob" if direct else "600")
        w.run(2)
        self.agent = self.phones["bob"].lines[-1]
        assert w.hears(self.caller) == "bridge:bob" and w.hears(self.agent) == "bridge:anna"

    def line(self, user: str) -> Line:
        return self.phones[user].lines[-1]

    def activity(self, name: str = "bob") -> str:
        return str(self.world.switch.queues.roster.agents[name].activity)

    def hears(self) -> str:
        return self.world.hears(self.caller)

    def names(self) -> list[str]:
        kinds = ("transfer.", "call.transferred", "call.recalled", "recall.")
        return [event.name for event in self.world.switch.events if event.name.startswith(kinds)]

    def order(self, name: str, *arguments: Any, **more: Any) -> str:
        """An order from outside, as the daemon gives it."""
        w, found = self.world, [""]
        w.switch.guarded(w.now, lambda: found.append(getattr(w.switch.switch, name)(*arguments, w.now, **more)))
        return found[-1]

    @property
    def call(self) -> str:
        """The call of anna."""
        return str(self.world.switch.named("call.created")[0].call)

    def type(self, line: Line, keys: str) -> None:
        for key in keys:
            self.world.press(line, key)
            self.world.run(0.3)

    def nobody_in_silence(self) -> None:
        """MED-13: whoever is connected and listens is sent something."""
        for leg in self.world.switch.calls.board.legs.values():
            if leg.up and not leg.holding and leg.answered_at:
                assert leg.media.source is not None and not isinstance(leg.media.source, Stop), leg

    def run(self, seconds: float) -> None:
        """Let time pass and see at every moment that nobody is in silence."""
        until = self.world.now + seconds
        while self.world.now < until - 1e-9:
            self.world.run(min(0.25, until - self.world.now))
            self.nobody_in_silence()

    def finish(self) -> None:
        """Everybody hangs up; nothing is left, and the books balance."""
        w = self.world
        self.finish_after_restart()
        for kind in ("call", "leg"):
            began = sorted(
                getattr(one, "leg" if kind == "leg" else "call") for one in w.switch.named(f"{kind}.created")
            )
            ended = sorted(getattr(one, "leg" if kind == "leg" else "call") for one in w.switch.named(f"{kind}.ended"))
            assert began == ended
        assert len(w.switch.named("queue.entered")) == len(w.switch.named("queue.left"))
        assert len(w.switch.named("queue.offered")) == len(w.switch.named("queue.offer_result"))

    def finish_after_restart(self) -> None:
        """Everybody hangs up, and nothing is left. What happened before a restart, this switch does not know."""
        w = self.world
        for _ in range(3):
            for phone in self.phones.values():
                phone.behaviour.answer_after = None
                for line in phone.lines:
                    if line.state == "up":
                        phone.hang_up(line)
                    elif line.state != "ended" and not line.incoming:
                        phone.cancel(line)
            w.run(45)
        w.assert_idle()
