"""OPTIONS to registered phones, in virtual time. What becomes of calls is in tests/sim/test_networks.py."""

from __future__ import annotations

import re

import pytest

from softswitch.directory import Account
from softswitch.effects import DeviceReachable, Flow, Publish, Send
from softswitch.events import BindingReachable, BindingUnreachable
from softswitch.sip.endpoint import RequestFailed, ResponseReceived
from softswitch.sip.message import parse
from softswitch.sip.qualify import Qualifier, Qualify
from softswitch.sip.registrar import Registrar
from tests.unit.sip.peer import LISTENERS, SeededEntropy, endpoint, parsed, request

HOME = Flow("udp", "203.0.113.9", 31_000)
KEY = "sip:alice@192.168.1.5:5060"


class World:
    """A location service, its qualifier, and phones that answer or do not."""

    def __init__(self, which: str = "nat", unreachable: str = "skip") -> None:
        self.endpoint = endpoint()
        self.registrar = Registrar(unreachable=unreachable)
        policy = Qualify(which, 30.0, 3)
        self.qualifier = Qualifier(self.endpoint, self.registrar, SeededEntropy(), LISTENERS, policy, "pbx.test")
        self.registrar.watch = self.qualifier.bound
        self.now = 0.0
        self.status = 200  # what phones answer; 0 = nothing
        self.asked: list[float] = []  # when a question was first sent
        self.events: list[object] = []
        self._branches: set[str] = set()
        self._cseq = 0

    def register(self, contact: str = f"<{KEY}>", flow: Flow = HOME, headers: str = "", call_id: str = "r") -> None:
        self._cseq += 1
        data = request("REGISTER", contact=contact, cseq=self._cseq, headers=headers, call_id=call_id)
        assert (
            self.registrar.register(parsed(data.replace(b"1000@", b"alice@"), flow), Account("alice"), self.now)[0]
            == 200
        )

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            due = [at for one in (self.endpoint, self.qualifier) if (at := one.next_deadline()) is not None]
            if not due or min(due) > until:
                break
            self.now = min(due)
            self.endpoint.expire(self.now)
            self.qualifier.expire(self.now)
            self.settle()
        self.now = until
        self.settle()

    def settle(self) -> None:
        while items := [*self.endpoint.drain(), *self.registrar.drain()]:
            for item in items:
                if isinstance(item, Send):
                    self._sent(item)
                elif isinstance(item, ResponseReceived):
                    self.qualifier.on_response(item, self.now)
                elif isinstance(item, RequestFailed):
                    self.qualifier.on_failed(item, self.now)
                else:
                    self.events.append(item.event if isinstance(item, Publish) else item)

    def _sent(self, item: Send) -> None:
        message = parse(item.data, item.flow)
        if message.branch not in self._branches:
            self._branches.add(message.branch)
            self.asked.append(self.now)
        if self.status:
            lines = re.findall(rb"(?:Via|From|To|Call-ID|CSeq): [^\r]*\r\n", item.data)
            head = f"SIP/2.0 {self.status} X\r\n".encode()
            self.now += 0.02
            self.endpoint.receive(head + b"".join(lines) + b"Content-Length: 0\r\n\r\n", item.flow, self.now)

    def told(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("which", "contact", "flow", "asked"),
    [
        ("nat", f"<{KEY}>", HOME, True),
        ("nat", "<sip:alice@203.0.113.9:31000>", HOME, False),
        ("nat", "<sip:alice@192.168.1.5;transport=tcp>", Flow("tcp", "203.0.113.9", 31_000, 1, 4), False),
        ("udp", "<sip:alice@203.0.113.9:31000>", HOME, True),
        ("all", "<sip:alice@192.168.1.5;transport=tcp>", Flow("tcp", "203.0.113.9", 31_000, 1, 4), True),
        ("off", f"<{KEY}>", HOME, False),
    ],
)
def test_who_is_asked(which: str, contact: str, flow: Flow, asked: bool) -> None:
    world = World(which)
    world.register(contact, flow)
    world.run(31)
    assert bool(world.asked) is asked


def test_never_longer_apart_than_the_interval() -> None:
    world = World()
    world.register()
    world.run(1_000)
    gaps = [after - before for before, after in zip(world.asked, world.asked[1:], strict=False)]
    assert world.asked[0] < 30 and all(24 <= gap <= 30 for gap in gaps) and len(set(gaps)) > 5
    binding = world.registrar.binding("alice", KEY)
    assert binding is not None and binding.rtt == pytest.approx(0.02)


def test_three_times_without_an_answer() -> None:
    world = World()
    world.register()
    world.status = 0
    world.run(200)
    assert world.told(BindingUnreachable) == [BindingUnreachable("alice", KEY, 3)]
    assert world.told(DeviceReachable)[-1] == DeviceReachable("alice", False)
    assert len(world.asked) > 5  # it is asked on
    world.status = 404  # any answer will do
    world.run(40)
    (back,) = world.told(BindingReachable)
    assert isinstance(back, BindingReachable) and back.rtt_ms > 0


def test_or_the_binding_is_removed_and_nobody_is_asked() -> None:
    world = World(unreachable="remove")
    world.register()
    world.status = 0
    world.run(200)
    count = len(world.asked)
    world.run(500)
    assert len(world.registrar) == 0 and len(world.asked) == count
    assert world.qualifier.next_deadline() is None and not world.qualifier._open and not world.qualifier._missed


def test_what_a_proxy_says_for_an_absent_phone_is_no_answer() -> None:
    world = World("udp")
    world.register("<sip:alice@192.0.2.77>", Flow("udp", "198.51.100.200", 5060), "Path: <sip:edge.example;lr>\r\n")
    world.status = 480
    world.run(200)
    assert len(world.told(BindingUnreachable)) == 1


def test_a_refresh_is_a_sign_of_life() -> None:
    world = World()
    world.register()
    world.status = 0
    for _ in range(10):
        world.run(50)
        world.register()
    assert not world.told(BindingUnreachable)


def test_phones_that_come_together_are_asked_apart() -> None:
    world = World()
    for number in range(100):
        contact = f"<sip:alice@192.168.1.5:{6000 + number}>"
        data = request("REGISTER", contact=contact, call_id=f"c{number}").replace(b"1000@", b"alice@")
        account = Account("alice", max_contacts=100)
        world.registrar.register(parsed(data, HOME._replace(port=6000 + number)), account, 0.0)
    world.run(30)
    assert len(world.asked) >= 100
    assert max(sum(second <= at < second + 1 for at in world.asked) for second in range(30)) < 15
