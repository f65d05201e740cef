"""Call flows for SIPp, built step by step: what a caller and a called phone send, and what they must get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from .lab import Lab
from .sipharness import Account
from .sipharness.sipp import _LAST, _SDP, Scenario, Sipp, pause, receive, send

BODY = _SDP.format(port="media_port")
RELIABLE = "Require: 100rel"
KNOWS = "Supported: 100rel, timer"
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK"
OLD = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS"
SAVED = ("Via", "From", "To", "Call-ID", "CSeq")


def check(header: str, pattern: str, name: str) -> str:
    """An action: the header must match."""
    return (
        f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" check_it="true" assign_to="{name}"/>'
        f'<log message="{header}: [${name}]"/>'
    )


def keep(header: str, pattern: str, name: str) -> str:
    return f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" check_it="true" assign_to="{name}"/>'


def got(what: str, *actions: str, attributes: str = "") -> str:
    """A <recv> element with actions; `what` is a method or a status."""
    kind = "response" if what.isdigit() else "request"
    inside = f"<action>{''.join(actions)}</action>" if actions else ""
    return f'<recv {kind}="{what}" {attributes}>{inside}</recv>\n'


class Caller(Scenario):
    """The steps of a caller, who is challenged once."""

    def invite(self, *headers: str, body: str = BODY, challenged: bool = True, sequence: int = 2) -> Self:
        to = f"sip:[field2]@{self.domain}"
        if challenged:
            self.steps += [
                send(f"INVITE {to} SIP/2.0", self._headers("INVITE", sequence - 1, to, *headers), body),
                receive("100", 'optional="true"') + receive("401", 'auth="true"'),
                send(
                    f"ACK {to} SIP/2.0",
                    self._headers("ACK", sequence - 1, to, to_tag="[peer_tag_param]"),
                    retransmit=False,
                ),
            ]
        self.steps += [
            send(f"INVITE {to} SIP/2.0", self._headers("INVITE", sequence, to, "[field1]", *headers), body),
            receive("100", 'optional="true"'),
        ]
        return self

    def gets(self, what: str, *actions: str) -> Self:
        # The route is that of the first response with a Contact.
        first = what in ("180", "183", "200") and not any('response="' in one and "rrs" in one for one in self.steps)
        self.steps.append(got(what, *actions, attributes='rrs="true"' if first else ""))
        return self

    def sends(self, method: str, sequence: int, *headers: str, body: str = "") -> Self:
        to = f"sip:[field2]@{self.domain}"
        self.steps.append(
            send(
                f"{method} [next_url] SIP/2.0",
                self._headers(method, sequence, to, *headers, to_tag="[peer_tag_param]"),
                body,
                retransmit=method != "ACK",
            )
        )
        return self

    def pracks(self, sequence: int, rseq: str, body: str = "") -> Self:
        return self.sends("PRACK", sequence, f"RAck: [${rseq}] 2 INVITE", body=body).gets("200")

    def replies(self, status: str = "200 OK", *headers: str, body: str = "") -> Self:
        self.steps.append(send(f"SIP/2.0 {status}", [*_LAST, *headers], body, retransmit=False))
        return self

    def waits(self, seconds: float) -> Self:
        self.steps.append(pause(seconds))
        return self


class Called(Caller):
    """The steps of a called phone. Its answers to the INVITE may come after other requests, so the INVITE is kept."""

    user = ""

    def gets(self, what: str, *actions: str) -> Self:
        self.steps.append(got(what, *actions))
        return self

    def invited(self, *actions: str) -> Self:
        kept = [keep(name, "[^ ].*", name.lower().replace("-", "")) for name in SAVED]
        self.steps.append(got("INVITE", *kept, *actions, attributes='rrs="true"'))
        return self

    def answers(self, status: str, *headers: str, body: str = "", tag: str = "one", repeat: bool = False) -> Self:
        """A response to the INVITE."""
        lines = [f"{name}: [${name.lower().replace('-', '')}]" for name in SAVED]
        lines[2] += f";tag=[pid]{tag}[call_number]"
        contact = f"Contact: <sip:{self.user}@[local_ip]:[local_port];transport=[transport]>"
        self.steps.append(send(f"SIP/2.0 {status}", [*lines, contact, *headers], body, retransmit=repeat))
        return self

    def asks(self, method: str, sequence: int, *headers: str, body: str = "", tag: str = "one") -> Self:
        """A request inside the dialog."""
        lines = [
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            f"From: [$to];tag=[pid]{tag}[call_number]",
            "To: [$from]",
            "Call-ID: [$callid]",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:{self.user}@[local_ip]:[local_port];transport=[transport]>",
            "Max-Forwards: 70",
            *headers,
        ]
        self.steps.append(send(f"{method} [next_url] SIP/2.0", lines, body))
        return self


@contextmanager
def registered(lab: Lab, account: Account) -> Iterator[Sipp]:
    """A phone that is called here, and that leaves: whatever comes next must not find two phones."""
    with Sipp(account) as phone, Sipp(account) as leaving:
        leaving.sip_port = phone.sip_port
        phone.run(Scenario("register", lab.domain).register(), timeout=20)
        try:
            yield phone
        finally:
            phone.stop()
            leaving.run(Scenario("leave", lab.domain).register(expires=0), timeout=20)


def play(lab: Lab, number: int, caller: Caller, called: Called, options: Iterable[object] = ()) -> None:
    """The account `number` calls the next one. Each side must see what it expects."""
    here, there = lab.account(number), lab.account(number + 1)
    with Sipp(here) as one, registered(lab, there) as other:
        other.launch(called, timeout=60)
        one.run(caller, [(here.user, here.password, there.user)], timeout=60, options=options)
        other.finish()
        assert (one.complaints(), other.complaints()) == ([], [])


def phones(lab: Lab, number: int) -> tuple[Caller, Called]:
    called = Called("called", lab.domain)
    called.user = lab.account(number + 1).user
    return Caller("caller", lab.domain), called


def rseq(name: str = "rseq") -> str:
    return keep("RSeq", "[0-9]+", name)
