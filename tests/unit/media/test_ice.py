"""The ICE agent in virtual time, against a far end that is played by hand."""

from __future__ import annotations

from random import Random

import pytest

from media import stun
from media.ice import CONSENT_LIFETIME, MAX_PATHS, Agent, Credentials, Terms
from media.latch import Address
from media.stun import Message

OURS = Credentials("ours", "o" * 22)
THEIRS = Credentials("them", "t" * 24)
HOME, STREET, STRANGER = ("192.0.2.1", 5000), ("198.51.100.7", 6000), ("203.0.113.1", 7000)
CONTROLLING = (stun.ICE_CONTROLLING, bytes(8))
NOMINATE = (stun.USE_CANDIDATE, b"")


class Play:
    """An agent and its far end, which checks, and answers checks where it is told to."""

    def __init__(self, remote: Credentials | None = THEIRS) -> None:
        self.agent = Agent(Terms(OURS, remote), Random(1).getrandbits)
        self.now = 100.0
        self.reachable: set[Address] = {HOME, STREET}
        self.answered: list[tuple[Address, Message]] = []  # what we said to checks
        self.asked: list[tuple[Address, Message]] = []  # our own checks
        self.ours, self.theirs = OURS, THEIRS
        self._number = 0

    def check(
        self, source: Address, *more: tuple[int, bytes], priority: int = 1000, key: str = "", username: str = ""
    ) -> bool:
        """The far end, or somebody, sends a check."""
        self._number += 1
        name = username or f"{self.ours.ufrag}:{self.theirs.ufrag}"
        attributes = [(stun.USERNAME, name.encode()), (stun.PRIORITY, priority.to_bytes(4, "big")), CONTROLLING, *more]
        if any(kind == stun.ICE_CONTROLLED for kind, _ in more):
            attributes.remove(CONTROLLING)
        data = stun.build(
            stun.REQUEST, self._number.to_bytes(12, "big"), attributes, (key or self.ours.password).encode()
        )
        taken = self.agent.receive(data, source, self.now)
        self.deliver()
        return taken

    def deliver(self) -> None:
        """What the agent sends reaches the far end, which answers at once."""
        while self.agent.outgoing:
            data, to = self.agent.outgoing.pop(0)
            message = stun.parse(data)
            assert message is not None and message.fingerprint
            if message.kind != stun.REQUEST:
                self.answered.append((to, message))
                continue
            self.asked.append((to, message))
            if to in self.reachable and message.authentic(self.theirs.password.encode()):
                mapped = (stun.XOR_MAPPED_ADDRESS, stun.mapped_address(("192.0.2.99", 1), message.transaction))
                answer = stun.build(stun.SUCCESS, message.transaction, [mapped], self.theirs.password.encode())
                assert self.agent.receive(answer, to, self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.agent.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.agent.run(self.now)
            self.deliver()
        self.now = end


def test_a_check_is_answered_checked_back_and_nominated() -> None:
    play = Play()
    assert play.check(HOME)
    ((to, answer),) = play.answered
    assert (
        to == HOME
        and answer.kind == stun.SUCCESS
        and answer.mapped == HOME
        and answer.authentic(OURS.password.encode())
    )
    ((to, ours),) = play.asked
    assert to == HOME and ours.attributes[stun.USERNAME] == b"them:ours" and stun.ICE_CONTROLLED in ours.attributes
    assert stun.USE_CANDIDATE not in ours.attributes
    assert play.agent.remote == HOME and play.agent.selected is None, "valid, not nominated yet"
    assert play.check(HOME, NOMINATE)
    assert play.agent.selected == HOME and len(play.asked) == 1


def test_nothing_is_sent_to_who_does_not_answer() -> None:
    """A far end that gives somebody else's address as its own."""
    play = Play()
    play.check(STRANGER, NOMINATE)
    play.wait(60.0)
    assert play.agent.remote is None and play.agent.next_deadline() is None
    assert {to for to, _ in play.asked} == {STRANGER} and len(play.asked) <= 5


@pytest.mark.parametrize(
    ("username", "key"),
    [
        ("ours:them", "wrong" * 5),
        ("them:ours", OURS.password),
        ("ours:else", OURS.password),
        ("ours", OURS.password),
        ("else:them", OURS.password),
        (":", OURS.password),
        ("ours:them", THEIRS.password),
    ],
)
def test_a_check_without_the_right_credentials_is_not_answered(username: str, key: str) -> None:
    play = Play()
    assert not play.check(HOME, NOMINATE, username=username, key=key)
    assert play.answered == play.asked == [] and play.agent.remote is None and not play.agent.knows(HOME)


def test_a_check_without_a_signature_is_not_answered() -> None:
    play = Play()
    body = stun._ATTRIBUTE.pack(stun.USERNAME, 9) + b"ours:them\0\0\0"
    assert not play.agent.receive(stun.HEADER.pack(stun.REQUEST, len(body), stun.MAGIC, bytes(12)) + body, HOME, 1.0)
    assert not play.agent.receive(stun.HEADER.pack(stun.REQUEST, 0, stun.MAGIC, bytes(12)), HOME, 1.0)
    assert play.agent.outgoing == []


def test_answers_that_nobody_asked_for() -> None:
    play = Play()
    play.reachable.clear()
    play.check(HOME, NOMINATE)
    ((_, ours),) = play.asked
    mapped = (stun.XOR_MAPPED_ADDRESS, stun.mapped_address(HOME, ours.transaction))
    right = stun.build(stun.SUCCESS, ours.transaction, [mapped], THEIRS.password.encode())
    forged = stun.build(stun.SUCCESS, ours.transaction, [mapped], OURS.password.encode())
    other = stun.build(stun.SUCCESS, bytes(12), [mapped], THEIRS.password.encode())
    assert not play.agent.receive(forged, HOME, play.now)
    assert not play.agent.receive(other, HOME, play.now)
    assert not play.agent.receive(right, STREET, play.now), "7.2.5.2.1: it must come from where the check went"
    assert play.agent.remote is None
    assert play.agent.receive(right, HOME, play.now) and play.agent.selected == HOME
    assert not play.agent.receive(right, HOME, play.now), "once"


def test_a_check_of_ours_is_repeated_and_given_up() -> None:
    play = Play()
    play.reachable.clear()
    play.check(HOME)
    play.wait(10.0)
    assert len(play.asked) == 5 and len({message.transaction for _, message in play.asked}) == 1
    assert play.agent.next_deadline() is None
    play.reachable = {HOME}
    play.check(HOME, NOMINATE)
    assert play.agent.selected == HOME, "the next check of the far end is another chance"


def test_checks_that_come_before_the_answer() -> None:
    play = Play(remote=None)
    assert play.check(HOME, NOMINATE)
    assert play.answered and not play.asked and play.agent.remote is None
    play.agent.renew(Terms(OURS, THEIRS), play.now)
    play.deliver()
    assert play.agent.selected == HOME


def test_a_far_end_that_believes_to_be_controlled_is_told_better() -> None:
    play = Play()
    assert play.check(HOME, (stun.ICE_CONTROLLED, bytes(8)))
    ((_, answer),) = play.answered
    assert answer.kind == stun.ERROR and answer.error == 487 and answer.authentic(OURS.password.encode())
    assert not play.asked
    assert play.check(HOME, NOMINATE) and play.agent.selected == HOME


def test_a_refusal_is_no_answer() -> None:
    play = Play()
    play.reachable.clear()
    play.check(HOME, NOMINATE)
    ((_, ours),) = play.asked
    refusal = stun.build(
        stun.ERROR, ours.transaction, [stun.error_code(487, "Role Conflict")], THEIRS.password.encode()
    )
    assert play.agent.receive(refusal, HOME, play.now)
    assert play.agent.remote is None and play.agent.next_deadline() is None


def test_attributes_that_must_be_understood() -> None:
    play = Play()
    assert play.check(HOME, (0x7777, b"1234"), (0x6666, b""))
    ((_, answer),) = play.answered
    assert answer.error == 420 and answer.attributes[stun.UNKNOWN_ATTRIBUTES] == b"\x77\x77\x66\x66"
    assert not play.agent.knows(HOME)


def test_of_several_nominations_at_once_the_highest_priority_counts() -> None:
    play = Play()
    play.check(STREET, NOMINATE, priority=10)
    assert play.agent.selected == STREET
    play.check(HOME, NOMINATE, priority=20)
    assert play.agent.selected == HOME
    play.check(STREET, NOMINATE, priority=10)
    assert play.agent.selected == HOME


def test_the_far_end_moves_to_another_network() -> None:
    play = Play()
    play.check(HOME, NOMINATE, priority=20)
    play.wait(10.0)
    play.check(STREET, priority=10)
    assert play.agent.selected == HOME, "checked, but not nominated"
    play.check(STREET, NOMINATE, priority=10)
    assert play.agent.selected == STREET


def test_it_does_not_move_where_it_cannot_be_reached() -> None:
    play = Play()
    play.check(HOME, NOMINATE, priority=10)
    play.wait(10.0)
    play.check(STRANGER, NOMINATE, priority=20)
    play.wait(10.0)
    assert play.agent.selected == HOME


def test_consent_is_asked_for_and_lasts_as_long_as_it_is_given() -> None:
    play = Play()
    play.check(HOME, NOMINATE)
    play.wait(300.0)
    assert play.agent.selected == HOME
    transactions = {message.transaction for _, message in play.asked}
    assert 50 <= len(play.asked) <= 75 and len(transactions) == len(play.asked), "RFC 7675: each check is a new one"
    play.reachable.clear()
    play.wait(CONSENT_LIFETIME - 7)
    assert play.agent.selected == HOME
    play.wait(8.0)
    assert play.agent.remote is None and play.agent.next_deadline() is None
    count = len(play.asked)
    play.wait(100.0)
    assert len(play.asked) == count
    play.reachable = {HOME}
    play.check(HOME, NOMINATE)
    assert play.agent.selected == HOME


def test_checks_of_the_far_end_are_no_consent() -> None:
    """They could be repeated by anybody who has seen one."""
    play = Play()
    play.check(HOME, NOMINATE)
    play.reachable.clear()
    for _ in range(20):
        play.wait(2.0)
        play.check(HOME, NOMINATE)
    assert play.agent.remote is None


def test_a_path_that_is_not_used_lapses() -> None:
    play = Play()
    play.check(STREET)
    play.check(HOME, NOMINATE, priority=5000)
    play.wait(40.0)
    assert play.agent.selected == HOME and not play.agent.valid(STREET)
    play.check(STREET)
    assert play.agent.valid(STREET)


def test_a_restart_keeps_the_media_where_it_is_until_a_new_pair_is_found() -> None:
    play = Play()
    play.check(HOME, NOMINATE, priority=20)
    new_ours, new_theirs = Credentials("mine", "m" * 22), Credentials("hers", "h" * 22)
    play.agent.renew(Terms(new_ours, new_theirs), play.now)
    assert play.agent.remote == HOME
    assert play.check(HOME), "checks under the former credentials are answered"
    play.wait(20.0)
    assert play.agent.remote == HOME, "and ours are sent under them"
    play.ours, play.theirs = new_ours, new_theirs
    play.check(STREET, priority=10)
    assert play.agent.remote == HOME
    play.check(STREET, NOMINATE, priority=10)
    assert play.agent.selected == STREET
    play.ours, play.theirs = OURS, THEIRS
    assert not play.check(HOME, NOMINATE, priority=20), "the former ones are forgotten"
    play.ours, play.theirs = new_ours, new_theirs
    play.wait(60.0)
    assert play.agent.selected == STREET


def test_a_restart_that_ends_where_it_began() -> None:
    play = Play()
    play.check(HOME, NOMINATE)
    play.ours, play.theirs = Credentials("mine", "m" * 22), Credentials("hers", "h" * 22)
    play.agent.renew(Terms(play.ours, play.theirs), play.now)
    play.check(HOME, NOMINATE)
    assert play.agent.selected == HOME
    play.wait(100.0)
    assert play.agent.selected == HOME
    assert play.asked[-1][1].attributes[stun.USERNAME] == b"hers:mine"


def test_the_same_terms_again_change_nothing() -> None:
    play = Play()
    play.check(HOME, NOMINATE)
    play.agent.renew(Terms(OURS, THEIRS), play.now)
    assert play.agent.selected == HOME and not play.agent.outgoing
    play.wait(100.0)
    assert play.agent.selected == HOME


def test_there_are_only_so_many_paths() -> None:
    play = Play()
    play.reachable.clear()
    for port in range(1, 200):
        play.check(("192.0.2.1", port))
    assert len(play.agent._paths) == MAX_PATHS
    play.wait(10.0)
    play.reachable = {HOME}
    play.check(HOME, NOMINATE)
    assert play.agent.selected == HOME and len(play.agent._paths) == MAX_PATHS


def test_indications_only_keep_a_nat_open() -> None:
    play = Play()
    indication = stun.HEADER.pack(stun.INDICATION, 0, stun.MAGIC, bytes(12))
    assert not play.agent.receive(indication, HOME, play.now)
    play.check(HOME)
    assert play.agent.receive(indication, HOME, play.now) and play.agent.outgoing == []


def test_ipv6() -> None:
    play = Play()
    play.reachable = {("2001:db8::1", 5000)}
    play.check(("2001:db8::1", 5000), NOMINATE)
    assert play.agent.selected == ("2001:db8::1", 5000) and play.answered[0][1].mapped == ("2001:db8::1", 5000)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("abcd:" + "p" * 22, True),
        ("ab+/:" + "p" * 256, True),
        ("abc:" + "p" * 22, False),
        ("abcd:" + "p" * 21, False),
        ("abcd:" + "p" * 257, False),
        ("ab d:" + "p" * 22, False),
        ("abcd:" + "p" * 21 + "ł", False),
        ("abcd" + "p" * 22, False),
        ("", False),
    ],
)
def test_credentials(text: str, valid: bool) -> None:
    assert (Credentials.parse(text) is not None) is valid
