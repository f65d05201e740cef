"""A hotline whose callers are called back: customers behind a provider, agents with phones."""

from __future__ import annotations

from typing import Any

from softswitch.callbacks import CallbackRules
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand, Outcome
from tests.sim.phone import Line, VirtualPhone
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, account, site

NUMBER = "+48221234567"  # of the hotline
CUSTOMER = "+48601000111"


class Hotline:
    """A queue "info" behind a number, with `agents`; customers call in and are called by a provider."""

    def __init__(self, agents: int = 1, queue: dict[str, Any] | None = None, seed: int = 0, **rules: Any) -> None:
        names = [f"a{index}" for index in range(agents)]
        policy: dict[str, Any] = {"wrap_up": 2.0, "music": "jazz", **(queue or {})}
        info = Queue(
            "info", title="Infolinia", members=tuple(Membership(one) for one in names),
            callbacks=CallbackRules(**rules), **policy,
        )  # fmt: skip
        accounts = {name: account(name, name=name.capitalize()) for name in ("anna", *names)}
        fields = outside(trunk(dids={NUMBER: "queue:info", "+48221234568": "callback:info"}, caller_number=NUMBER))
        directory = site(
            accounts=accounts, agents={name: Agent(name, name) for name in names}, queues={"info": info},
            extensions={"200": "queue:info", "201": "callback:info"}, music={"default": (), "jazz": ()}, **fields,
        )  # fmt: skip
        self.world = World(directory, seed=seed)
        self.provider = Provider(self.world, answer_after=2.0)
        self.phones = {name: self.world.phone(name, answer_after=1.0) for name in names}
        self.world.run(1)

    @property
    def book(self) -> Any:
        return self.world.switch.queues.callbacks

    def login(self, *names: str) -> None:
        for name in names or tuple(self.phones):
            self.world.switch.queues.handle(AgentCommand(name, "login", actor="test"), self.world.now)
            self.world.switch.settle(self.world.now)

    def logout(self, *names: str) -> None:
        for name in names or tuple(self.phones):
            self.world.switch.queues.handle(AgentCommand(name, "logout", actor="test"), self.world.now)
            self.world.switch.settle(self.world.now)

    def caller(self, number: str = CUSTOMER, to: str = NUMBER) -> Line:
        line = self.provider.dial_in(to, number)
        self.world.run(1)
        assert line.state == "up", line.state
        return line

    def release(self, line: Line) -> None:
        """An exit key: the caller leaves the queue to `callback:info`."""
        world = self.world
        (call,) = [one for one in world.switch.calls.calls.values() if one.caller.dialog.call_id == line.call_id]
        assert world.switch.queues.release(call.id, Outcome.EXIT_KEY, "callback:info", world.now)
        world.switch.settle(world.now)
        world.run(0.2)

    def accept(self, line: Line) -> None:
        """Confirm the number and hang up."""
        self.world.press(line, "1")
        self.world.run(0.5)
        self.provider.hang_up(line)
        self.world.run(1)

    def ask(self, number: str = CUSTOMER) -> Line:
        line = self.caller(number)
        self.release(line)
        self.accept(line)
        return line

    def called(self) -> list[Line]:
        """Customers that were called."""
        return [line for line in self.provider.lines if line.incoming]

    def names(self) -> list[str]:
        return [event.name for event in self.world.switch.events]

    def agent_line(self, name: str = "a0") -> Line:
        phone: VirtualPhone = self.phones[name]
        return phone.lines[-1]
