"""Phones that move in the middle of a call, and strangers who say that they are such a phone (RELIABILITY S7, section 3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.phone import Line, VirtualPhone
from tests.sim.text import md5_challenge
from tests.sim.world import World, site

ELSEWHERE = ("203.0.113.77", 41_000)


def talking(host: str = "") -> tuple[World, Line, Line]:
    """Anna talks to Bob. `host`: the private address that Anna's phone writes into its descriptions."""
    w = World(site("anna", "bob", "carl"))
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.2)
    if host:
        behind_nat(anna, host)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "up"
    return w, line, next(phone for phone in w.phones.values() if phone.user == "bob").lines[0]


def behind_nat(phone: VirtualPhone, host: str) -> None:
    plain = phone.sdp

    def hidden(line: Line, **more: Any) -> bytes:
        return plain(line, **more).replace(phone.address[0].encode(), host.encode())

    phone.sdp = hidden  # type: ignore[method-assign]


def move(w: World, phone: VirtualPhone, address: tuple[str, int]) -> None:
    """The NAT of the phone changes its mind."""
    del w.phones[phone.address]
    phone.address = address
    w.attach(phone)


def proven(
    w: World, phone: VirtualPhone, line: Line, method: str, body: bytes = b"", *, password: str = ""
) -> list[int]:
    """Send a request in the dialog; when challenged, again with credentials. The statuses that came."""
    statuses: list[int] = []
    keep, phone.password = phone.password, password or phone.password

    def attempt(credentials: str) -> None:
        line.cseq += 1
        cseq = line.cseq
        headers = phone.dialog_headers(line, method, cseq) | {"User-Agent": "sipp"}
        if credentials:
            headers["Authorization"] = credentials

        def done(raw: Any) -> None:
            statuses.append(raw.status if raw else 0)
            if raw and raw.status == 401 and not credentials:
                attempt(phone.credentials(md5_challenge(raw), method, line.target))
            elif raw and raw.status < 300 and method == "INVITE":
                phone._ack(line, cseq)

        phone.request(method, line.target, headers, body, done)

    attempt("")
    w.run(1)
    phone.password = keep
    return statuses


def opened(w: World, line: Line) -> Any:
    """What the worker knows of a line's leg."""
    (port,) = [one.opened for one in w.worker.ports.values() if one.opened.port == line.rtp]
    return port


@pytest.mark.parametrize("address", [ELSEWHERE, ("198.51.100.1", 49_999)])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_phone_that_proves_itself_goes_on_from_elsewhere(method: str, address: tuple[str, int]) -> None:
    w, line, there = talking("10.0.0.5")
    phone = line.phone
    before = opened(w, line)
    assert (before.latch_host, before.arming) == ("198.51.100.1", 0)
    move(w, phone, address)
    assert proven(w, phone, line, method, phone.sdp(line)) == [401, 200]
    after = opened(w, line)
    assert (after.latch_host, after.arming) == (address[0], 1), "media are awaited from the new address"
    assert line.state == there.state == "up"
    # What the switch has to say goes to the new place.
    there.phone.hang_up(there)
    w.run(1)
    assert (line.state, line.ended_by) == ("ended", "remote")
    w.run(40)
    w.assert_idle()


def test_an_update_without_a_description_moves_the_media_as_well() -> None:
    w, line, _ = talking("10.0.0.5")
    move(w, line.phone, ELSEWHERE)
    assert proven(w, line.phone, line, "UPDATE") == [401, 200]
    assert (opened(w, line).latch_host, opened(w, line).arming) == (ELSEWHERE[0], 1)


def test_a_moved_phone_may_hang_up() -> None:
    w, line, there = talking()
    move(w, line.phone, ELSEWHERE)
    assert proven(w, line.phone, line, "BYE") == [401, 200]
    assert there.state == "ended"


def test_a_phone_that_has_registered_from_its_new_address_need_not_prove_itself_again() -> None:
    w, line, there = talking("10.0.0.5")
    move(w, line.phone, ELSEWHERE)
    line.phone.register()
    w.run(1)
    assert proven(w, line.phone, line, "INVITE", line.phone.sdp(line)) == [200]
    assert opened(w, line).latch_host == ELSEWHERE[0]
    there.phone.hang_up(there)
    w.run(1)
    assert line.state == "ended"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "BYE", "INFO", "OPTIONS"])
@pytest.mark.parametrize("who", ["nobody", "carl", "guess"])
def test_a_third_address_cannot_draw_the_call_away(method: str, who: str) -> None:
    """It knows all tags, and even has an account of its own."""
    w, line, there = talking()
    thief = VirtualPhone(
        w, "carl" if who == "carl" else "anna", "secret-carl" if who == "carl" else "guess", *ELSEWHERE
    )
    stolen = Line(thief, line.call_id, False, line.local_tag, remote_tag=line.remote_tag, target=line.target, rtp=6_666)
    stolen.local, stolen.remote, stolen.cseq = line.local, line.remote, 900
    body = thief.sdp(stolen) if method in ("INVITE", "UPDATE") else b""
    before = {leg: port.opened for leg, port in w.worker.ports.items()}
    if who == "nobody":
        thief.request(method, line.target, thief.dialog_headers(stolen, method, 901), body)
        w.run(1)
        assert {raw.status for raw in thief.received} == {401}
    else:
        assert proven(w, thief, stolen, method, body) == [401, 403 if who == "carl" else 401]
    assert {leg: port.opened for leg, port in w.worker.ports.items()} == before
    assert line.state == there.state == "up" and w.hears(line) == "bridge:bob"
    # The true phone is not disturbed: not even its sequence numbers are.
    line.phone.reinvite(line)
    w.run(1)
    assert line.log[-1] == "re-INVITE 200"


def test_another_port_of_the_same_address_cannot_draw_the_call_away() -> None:
    """A neighbour behind the same NAT."""
    w, line, there = talking()
    thief = VirtualPhone(w, "carl", "secret-carl", line.phone.address[0], 40_404)
    stolen = Line(thief, line.call_id, False, line.local_tag, remote_tag=line.remote_tag, target=line.target, rtp=6_666)
    stolen.local, stolen.remote, stolen.cseq = line.local, line.remote, 900
    assert proven(w, thief, stolen, "INVITE", thief.sdp(stolen)) == [401, 403]
    assert w.hears(line) == "bridge:bob" and w.hears(there) == "bridge:anna"


def test_wrong_tags_from_elsewhere_learn_nothing() -> None:
    w, line, _ = talking()
    stranger = VirtualPhone(w, "mallory", "x", *ELSEWHERE)
    for change in ({"From": f"{line.local};tag=other"}, {"Call-ID": "other"}):
        headers = stranger.dialog_headers(line, "BYE", 900) | change
        headers["From"] = headers["From"] if "From" in change else f"{line.local};tag={line.local_tag}"
        stranger.request("BYE", line.target, headers)
    w.run(1)
    assert {raw.status for raw in stranger.received} == {481} and line.state == "up"


def test_a_moved_phone_survives_a_restart() -> None:
    w, line, there = talking("10.0.0.5")
    move(w, line.phone, ELSEWHERE)
    proven(w, line.phone, line, "INVITE", line.phone.sdp(line))
    w.run(1)
    w.kill()
    w.run(1)
    w.restart()
    w.run(6)
    assert line.state == there.state == "up"
    assert opened(w, line).arming == 1
    there.phone.hang_up(there)
    w.run(1)
    assert line.state == "ended"
