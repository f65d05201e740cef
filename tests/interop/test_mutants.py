"""Requests of every method with bodies and headers that are nearly right: no answer 500, no traceback, alive after each one.

A seed makes a run. Strangers, an account that has proved itself, and a phone inside its own call each send them; `MUTANTS` in the
environment says how many (a night's run: MUTANTS=1000000).
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets

import pytest

from .lab import Lab
from .mutants import SDP, Sender
from .wiresip import credentials

LAB = {"accounts": 8, "agents": 1, "tiers": 1}

COUNT = int(os.environ.get("MUTANTS", "250"))  # for each sender and transport


def judge(sender: Sender) -> None:
    assert 500 not in sender.answers, sender.answers
    sender.lab.assert_healthy()


@pytest.mark.timeout(3_600 if COUNT > 1_000 else 240)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_of_strangers(lab: Lab, transport: str) -> None:
    sender = Sender(lab, transport, random.Random(1), lab.account(0).user)
    for _ in range(COUNT):
        sender.wire.send(sender.spoil(sender.request(*sender.draw())))
        sender.ping()
    judge(sender)


@pytest.mark.timeout(3_600 if COUNT > 1_000 else 240)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_of_an_account(lab: Lab, transport: str) -> None:
    account = lab.account(1)
    sender = Sender(lab, transport, random.Random(2), account.user)
    for _ in range(COUNT // 2):
        method, headers, body = sender.draw()
        if method in ("ACK", "CANCEL"):
            continue
        with contextlib.suppress(ConnectionError, TimeoutError):
            if data := sender.prove(method, headers, body, account.password):
                sender.wire.send(data)
        sender.ping()
    judge(sender)


@pytest.mark.timeout(3_600 if COUNT > 1_000 else 240)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_inside_a_call(lab: Lab, transport: str) -> None:
    """With the right tags, from the phone that is in the call, as long as the call lasts; then in the next one."""
    account = lab.account(2)
    sender = Sender(lab, transport, random.Random(3), account.user)
    cseq, calls = 0, 0
    for _ in range(COUNT):
        if cseq == 0 or cseq > 40:
            cseq, calls = begin(sender, account.password, lab.extensions["echo"]), calls + 1
        cseq += 1
        method, headers, body = sender.draw()
        if method in ("BYE", "CANCEL", "REGISTER"):
            continue
        data = sender.request(method, headers, body, to_tag=sender.tag, call=sender.call, cseq=cseq)
        sender.wire.send(data if sender.rng.random() < 0.9 else sender.spoil(data))
        sender.ping()
    judge(sender)
    assert calls >= COUNT // 50


def begin(sender: Sender, password: str, extension: str) -> int:
    """Call the echo; the CSeq after its ACK."""
    user, call = sender.user, secrets.token_hex(8)
    sender.user = extension
    kind = ["Content-Type: application/sdp"]
    try:
        sender.wire.send(sender.request("INVITE", kind, SDP.encode(), call=call))
        answer = sender.until(call)
        uri = f"sip:{extension}@{sender.lab.domain}"
        sender.wire.send(sender.request("ACK", [], to_tag=answer.get("to").rpartition("tag=")[2], call=call))
        proof = credentials(answer.all("www-authenticate"), user, password, "INVITE", uri)
        sender.wire.send(sender.request("INVITE", [f"Authorization: {proof}", *kind], SDP.encode(), call=call, cseq=2))
        answer = sender.until(call)
        assert answer.status == 200, answer
        sender.call, sender.tag = call, answer.get("to").rpartition("tag=")[2]
        sender.wire.send(sender.request("ACK", [], to_tag=sender.tag, call=call, cseq=2))
    finally:
        sender.user = user
    return 2
