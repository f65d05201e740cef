"""The registrar (RFC 3261 section 10, FEATURES SIG-01 and SIG-02)."""

from __future__ import annotations

import re

import pytest

from softswitch.directory import Account
from softswitch.effects import DeviceReachable, Flow, Publish
from softswitch.events import BindingAdded, BindingReachable, BindingRemoved, BindingUnreachable
from softswitch.sip.listener import Listener
from softswitch.sip.registrar import Registrar
from tests.unit.sip.peer import PHONE, PHONE_TCP, parsed, request

ALICE = Account("alice", max_contacts=3)
HOME = "<sip:alice@192.0.2.7:5060>"


class Site:
    """A registrar and phones that number their requests."""

    def __init__(self, account: Account = ALICE, **settings: object) -> None:
        self.registrar = Registrar(**settings)  # type: ignore[arg-type]
        self.account = account
        self.cseq = 0

    def register(
        self,
        contact: str = HOME,
        now: float = 0.0,
        *,
        expires: str = "",
        headers: str = "",
        call_id: str = "reg-1",
        cseq: int = 0,
        flow: Flow = PHONE,
    ) -> tuple[int, str]:
        self.cseq += 1
        data = request(
            "REGISTER", contact=contact, call_id=call_id, cseq=cseq or self.cseq,
            headers=headers + (f"Expires: {expires}\r\n" if expires else ""),
        ).replace(b"To: <sip:1000@pbx.test>", b"To: <sip:alice@pbx.test>")  # fmt: skip
        return self.registrar.register(parsed(data, flow), self.account, now)

    def contacts(self, now: float = 0.0) -> list[str]:
        return [binding.contact for binding in self.registrar.bindings("alice", now)]

    def events(self) -> list[object]:
        return [item.event if isinstance(item, Publish) else item for item in self.registrar.drain()]


def listed(headers: str) -> list[str]:
    return re.findall(r"Contact: ([^\r]*)\r\n", headers)


def test_a_phone_binds_refreshes_and_leaves() -> None:
    site = Site()
    status, headers = site.register(now=10.0, expires="600", headers="User-Agent: Desk 1\r\n")
    assert (status, listed(headers)) == (200, ["<sip:alice@192.0.2.7:5060>;expires=600"])
    assert "Supported: path, outbound, gruu\r\n" in headers and "Require:" not in headers
    reachable, added = site.events()
    assert reachable == DeviceReachable("alice", True)
    assert added == BindingAdded(
        "alice", "sip:alice@192.0.2.7:5060", 610.0, tuple(PHONE), "reg-1", 1, user_agent="Desk 1"
    )
    assert site.register(now=100.0, expires="600")[0] == 200
    (again,) = site.events()
    assert isinstance(again, BindingAdded) and again.refreshed and again.expires_at == 700.0
    status, headers = site.register(now=200.0, expires="0")
    assert (status, listed(headers)) == (200, [])
    assert site.events() == [
        BindingRemoved("alice", "sip:alice@192.0.2.7:5060", "unregistered"),
        DeviceReachable("alice", False),
    ]
    assert site.registrar.aors() == [] and len(site.registrar) == 0 and site.registrar.next_deadline() is None


def test_a_query_changes_nothing_and_lists_everything() -> None:
    site = Site()
    site.register(now=0.0, expires="100", headers="")
    site.register('"Bob" <sip:alice@192.0.2.8>;q=0.5;+sip.instance="<urn:uuid:1>";reg-id=1;expires=200', now=0.0)
    site.events()
    status, headers = site.register("", now=40.0)
    assert status == 200 and site.events() == []
    assert listed(headers) == [
        "<sip:alice@192.0.2.7:5060>;expires=60",
        '<sip:alice@192.0.2.8>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=160;q=0.5',
    ]


@pytest.mark.parametrize(
    "contact, expires, left",
    [
        (HOME, "", 3600),
        (HOME, "600", 600),
        (f"{HOME};expires=900", "600", 900),
        (f"{HOME};expires=60", "", 60),
        (HOME, "99999", 7200),
        (HOME, "4294967296000", 7200),
        (HOME, "soon", 3600),
    ],
)
def test_the_interval(contact: str, expires: str, left: int) -> None:
    _, headers = Site().register(contact, expires=expires)
    assert listed(headers) == [f"{HOME};expires={left}"]


def test_too_brief_is_423_and_changes_nothing() -> None:
    site = Site(minimum=120)
    assert site.register(f"{HOME};expires=119") == (423, "Min-Expires: 120\r\n")
    assert site.register(f"{HOME}, <sip:alice@192.0.2.8>;expires=5", expires="600")[0] == 423
    assert site.contacts() == [] and site.events() == []


def test_an_expired_binding_is_gone() -> None:
    site = Site()
    site.register(expires="60")
    site.register("<sip:alice@192.0.2.8>", expires="100")
    site.events()
    assert site.registrar.next_deadline() == 60.0
    site.registrar.expire(60.0)
    assert site.events() == [BindingRemoved("alice", "sip:alice@192.0.2.7:5060", "expired")]
    assert site.contacts(99.0) == ["sip:alice@192.0.2.8"] and site.contacts(100.0) == []
    site.registrar.expire(100.0)
    assert site.events()[-1] == DeviceReachable("alice", False)


def test_the_star_removes_everything() -> None:
    site = Site()
    site.register()
    site.register("<sip:alice@192.0.2.8>")
    site.events()
    assert site.register("*", expires="0")[0] == 200
    assert [type(e) for e in site.events()] == [BindingRemoved, BindingRemoved, DeviceReachable]


@pytest.mark.parametrize(
    "contact, expires", [("*", ""), ("*", "10"), (f"*, {HOME}", "0"), (f"{HOME}\r\nContact: *", "0"), ("*;q=1", "0")]
)
def test_a_star_against_the_rules_is_400(contact: str, expires: str) -> None:
    site = Site()
    site.register()
    assert site.register(contact, expires=expires)[0] == 400
    assert site.contacts() == ["sip:alice@192.0.2.7:5060"]


@pytest.mark.parametrize("contact", [HOME, f"{HOME};expires=0", "*"])
def test_an_overtaken_request_is_500(contact: str) -> None:
    site = Site()
    site.register(cseq=10)
    site.events()
    for cseq in (10, 9):
        assert site.register(contact, cseq=cseq, expires="0" if contact == "*" else "")[0] == 500
    assert site.events() == []
    assert site.register(cseq=1, call_id="after-a-reboot")[0] == 200


@pytest.mark.parametrize(
    "contact, status",
    [
        ("<sip:alice@192.0.2.7>;q=1.5", 400),
        ("<sip:alice@192.0.2.7>;q=nan", 400),
        ("<tel:+48221234567>", 400),
        ("<mailto:alice@pbx.test>", 400),
        ("garbage", 400),
        ("<sip:alice@198.51.100.1:5060>", 403),
        ("<sip:alice@198.51.100.1>", 403),
        ("<sip:alice@pbx.example:5061>", 403),
        ("<sip:alice@127.0.0.1:5061>", 403),
        ("<sip:alice@[::1]:5061;transport=tls>", 403),
    ],
)
def test_contacts_that_cannot_be(contact: str, status: int) -> None:
    site = Site(listeners=(Listener("udp", "198.51.100.1", 5060), Listener("tls", "0.0.0.0", 5061, "pbx.example")))
    assert site.register(contact)[0] == status
    assert site.contacts() == []


@pytest.mark.parametrize("lines", [2, 9])
def test_more_contacts_than_anybody_has_are_not_read(lines: int) -> None:
    """R8: one REGISTER of a few thousand contacts must not hold up everybody else."""
    site = Site()
    site.register()
    many = [",".join(f"<sip:alice@192.0.2.{line}:{5060 + n}>" for n in range(200)) for line in range(lines)]
    assert site.register("\r\nContact: ".join(many))[0] == 400
    assert site.contacts() == ["sip:alice@192.0.2.7:5060"]


def test_only_the_own_aor_can_be_registered() -> None:
    site = Site(Account("bob"))
    assert site.register()[0] == 403
    assert site.events() == []


def test_equal_uris_are_one_binding() -> None:
    site = Site()
    site.register("<sip:alice@Phone.example;transport=udp>")
    site.register("<sip:alice@phone.example;transport=UDP>")
    assert site.contacts() == ["sip:alice@phone.example;transport=UDP"]
    site.register("<sip:alice@phone.example>")
    assert len(site.contacts()) == 2


def test_a_rebooted_phone_replaces_its_old_binding() -> None:
    site = Site()
    site.register('<sip:alice@192.0.2.7:40001>;+sip.instance="<urn:uuid:1>"')
    site.register('<sip:alice@192.0.2.7:40002>;+sip.instance="<urn:uuid:2>"')
    site.events()
    site.register('<sip:alice@192.0.2.7:40003>;+sip.instance="<urn:uuid:1>"', call_id="new")
    assert sorted(site.contacts()) == ["sip:alice@192.0.2.7:40002", "sip:alice@192.0.2.7:40003"]
    removed, added = site.events()
    assert isinstance(removed, BindingRemoved) and removed.cause == "replaced"
    assert isinstance(added, BindingAdded) and added.instance == "<urn:uuid:1>"


def test_one_request_may_carry_two_contacts_of_an_instance() -> None:
    site = Site()
    both = '<sip:alice@192.0.2.7>;+sip.instance="<urn:uuid:1>", <sip:alice@192.0.2.7;transport=tcp>;+sip.instance="<urn:uuid:1>"'
    for now in (0.0, 10.0):
        assert len(listed(site.register(both, now)[1])) == 2
    assert listed(site.register(both, 20.0, expires="0")[1]) == []
    assert site.registrar.aors() == []


def test_the_same_contact_twice_in_one_request() -> None:
    site = Site()
    assert listed(site.register(f"{HOME};expires=100, {HOME};expires=200")[1]) == [f"{HOME};expires=200"]
    assert listed(site.register(f"{HOME};expires=0, {HOME};expires=0")[1]) == []
    assert listed(site.register(f"{HOME};expires=0, {HOME};expires=60")[1]) == [f"{HOME};expires=60"]


def test_a_moving_phone_stays_reachable() -> None:
    site = Site()
    site.register()
    site.events()
    site.register(f"{HOME};expires=0, <sip:alice@192.0.2.9>")
    assert [type(e) for e in site.events()] == [BindingRemoved, BindingAdded]


def test_the_oldest_contact_makes_room() -> None:
    site = Site()
    for number in range(4):
        assert site.register(f"<sip:alice@192.0.2.{number}>", float(number))[0] == 200
    assert site.contacts() == ["sip:alice@192.0.2.3", "sip:alice@192.0.2.2", "sip:alice@192.0.2.1"]
    assert site.register(", ".join(f"<sip:alice@10.0.0.{n}>" for n in range(4)))[0] == 403
    assert len(site.contacts()) == 3


def test_or_a_new_contact_is_refused() -> None:
    site = Site(Account("alice", max_contacts=1, replace_oldest=False))
    assert site.register()[0] == 200
    assert site.register("<sip:alice@192.0.2.8>")[0] == 403
    assert site.register()[0] == 200
    assert site.register(f"{HOME};expires=0, <sip:alice@192.0.2.8>")[0] == 200
    assert site.contacts() == ["sip:alice@192.0.2.8"]


def test_the_preferred_and_then_the_newest_comes_first() -> None:
    site = Site()
    site.register("<sip:alice@192.0.2.1>;q=0.2", 0.0)
    site.register("<sip:alice@192.0.2.2>", 1.0)
    site.register("<sip:alice@192.0.2.3>", 2.0)
    assert site.contacts() == ["sip:alice@192.0.2.3", "sip:alice@192.0.2.2", "sip:alice@192.0.2.1"]


@pytest.mark.parametrize(
    "contact, flow, expected",
    [
        (HOME, Flow("udp", "192.0.2.7", 5060), Flow("udp", "192.0.2.7", 5060)),
        ("<sip:alice@192.168.1.5:5060>", Flow("udp", "192.0.2.7", 33000), Flow("udp", "192.0.2.7", 33000)),
        ("<sip:alice@192.0.2.7:5070>", Flow("udp", "192.0.2.7", 33000), Flow("udp", "192.0.2.7", 5070)),
        ("<sip:alice@203.0.113.1:5070>", Flow("udp", "192.0.2.7", 5060), Flow("udp", "192.0.2.7", 5060)),
        ("<sip:alice@phone.invalid;transport=ws>", Flow("ws", "192.0.2.7", 443, 2, 7), Flow("ws", "192.0.2.7", 443, 2, 7)),
        ("<sip:alice@192.0.2.7:5061;transport=tcp>", PHONE_TCP, PHONE_TCP),
    ],
)  # fmt: skip
def test_a_binding_is_reached_where_its_register_came_from(contact: str, flow: Flow, expected: Flow) -> None:
    site = Site()
    site.register(contact, flow=flow)
    (binding,) = site.registrar.bindings("alice", 0.0)
    assert binding.flow == expected and binding.received == (flow.host, flow.port)


def test_a_broken_connection_takes_its_binding_along_unless_the_phone_can_be_dialled() -> None:
    site = Site()
    site.register("<sip:alice@192.168.1.5;transport=tcp>", flow=PHONE_TCP)
    site.register("<sip:alice@192.0.2.7:5062;transport=tcp>", flow=PHONE_TCP)
    site.events()
    site.registrar.flow_failed(PHONE_TCP, 5.0)
    assert site.events() == [BindingRemoved("alice", "sip:alice@192.168.1.5;transport=tcp", "flow_failed")]
    (binding,) = site.registrar.bindings("alice", 5.0)
    assert binding.flow == Flow("tcp", "192.0.2.7", 5062, 1, 0)
    site.registrar.flow_failed(binding.flow, 6.0)
    assert [type(e) for e in site.events()] == [BindingRemoved, DeviceReachable]
    assert not site.registrar._by_flow


def test_a_path_is_kept_and_returned() -> None:
    site = Site()
    status, headers = site.register(headers="Path: <sip:edge.example;lr>\r\nSupported: path\r\n")
    assert status == 200 and "Path: <sip:edge.example;lr>\r\n" in headers
    assert site.registrar.bindings("alice", 0.0)[0].path == ("<sip:edge.example;lr>",)
    assert site.register(headers="Path: garbage\r\n")[0] == 400


def test_headers_in_a_contact_are_cut_off() -> None:
    site = Site()
    site.register("<sip:alice@192.0.2.7?Route=%3Csip:evil.example%3E>")
    assert site.contacts() == ["sip:alice@192.0.2.7"]


def test_bindings_survive_a_restart() -> None:
    site = Site()
    site.register(f'{HOME};+sip.instance="<urn:uuid:1>";reg-id=2;expires=600;q=0.4', headers="Path: <sip:e;lr>\r\n")
    site.register("<sip:alice@192.0.2.7:5062;transport=tcp>", flow=PHONE_TCP)
    site.register("<sip:alice@192.0.2.9>", expires="60")
    rows = [event for event in site.events() if isinstance(event, BindingAdded)]
    after = Site()
    after.registrar.restore(rows, 100.0)
    assert after.events() == [DeviceReachable("alice", True)]
    tcp, udp = after.registrar.bindings("alice", 100.0)
    assert tcp.flow == Flow("tcp", "192.0.2.7", 5062, 1, 0)
    before = site.registrar.bindings("alice", 100.0)[-1]
    assert (udp.contact, udp.flow, udp.expires_at, udp.q, udp.instance, udp.reg_id, udp.path, udp.cseq, udp.parameters) == (
        before.contact, before.flow, before.expires_at, 0.4, "<urn:uuid:1>", "2", ("<sip:e;lr>",), 1, before.parameters,
    )  # fmt: skip
    assert after.register(HOME, 101.0, cseq=1)[0] == 500
    after.registrar.expire(600.0)
    assert after.contacts(600.0) == ["sip:alice@192.0.2.7:5062;transport=tcp"]


def test_an_administrator_removes_bindings() -> None:
    site = Site()
    site.register()
    site.register("<sip:alice@192.0.2.8>")
    site.events()
    assert site.registrar.remove("alice", contact="sip:alice@192.0.2.8") == 1
    assert site.registrar.remove("alice") == 1 and site.registrar.remove("alice") == 0
    assert [type(e) for e in site.events()] == [BindingRemoved, BindingRemoved, DeviceReachable]


def test_the_date_is_told_when_the_clock_is_known() -> None:
    assert "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n" in Site(epoch=1289690940.0 - 7.0).register(now=7.2)[1]
    assert "Date:" not in Site().register()[1]


# --- Outbound (RFC 5626) ----------------------------------------------------------------------------------------------

OUTBOUND = "Supported: path, outbound\r\n"
TLS_ONE, TLS_TWO = Flow("tls", "192.0.2.7", 40_001, 2, 11), Flow("tls", "192.0.2.7", 40_002, 2, 12)


def flow_of(reg_id: int, uri: str = "sip:alice@192.168.1.5;transport=tls", instance: str = "urn:uuid:1") -> str:
    return f'<{uri}>;+sip.instance="<{instance}>";reg-id={reg_id}'


def test_several_flows_of_one_phone_stand_beside_each_other_and_ring_once() -> None:
    site = Site()
    status, headers = site.register(flow_of(1), 0.0, headers=OUTBOUND, flow=TLS_ONE)
    assert status == 200 and "Require: outbound\r\n" in headers and "Flow-Timer: 120\r\n" in headers
    _, headers = site.register(flow_of(2), 1.0, headers=OUTBOUND, flow=TLS_TWO, call_id="reg-2")
    assert len(listed(headers)) == 2
    (binding,) = site.registrar.bindings("alice", 2.0)
    assert binding.flow == TLS_TWO and [one.flow for one in binding.spare] == [TLS_ONE]
    assert len(site.registrar.every("alice", 2.0)) == 2
    # A refresh of one flow is a refresh of that one.
    site.register(flow_of(1), 3.0, headers=OUTBOUND, flow=TLS_ONE)
    assert len(site.registrar) == 2
    site.registrar.flow_failed(TLS_TWO, 4.0)
    (binding,) = site.registrar.bindings("alice", 5.0)
    assert binding.flow == TLS_ONE and binding.spare == ()
    assert not any(isinstance(event, DeviceReachable) and not event.reachable for event in site.events())


def test_a_flow_that_comes_back_on_another_connection_takes_its_own_place() -> None:
    site = Site()
    site.register(flow_of(1), 0.0, headers=OUTBOUND, flow=TLS_ONE)
    site.register(
        flow_of(1, "sip:alice@192.168.1.5:5999;transport=tls"), 1.0, headers=OUTBOUND, flow=TLS_TWO, call_id="new"
    )
    assert [one.flow for one in site.registrar.every("alice", 2.0)] == [TLS_TWO]


def test_a_stream_is_preferred_to_udp() -> None:
    site = Site()
    site.register(flow_of(1), 0.0, headers=OUTBOUND, flow=TLS_ONE)
    site.register(flow_of(2, "sip:alice@192.168.1.5"), 9.0, headers=OUTBOUND, flow=PHONE)
    (binding,) = site.registrar.bindings("alice", 10.0)
    assert binding.flow == TLS_ONE


def test_one_flow_is_removed_by_its_reg_id() -> None:
    site = Site()
    site.register(flow_of(1), 0.0, headers=OUTBOUND, flow=TLS_ONE)
    site.register(flow_of(2), 1.0, headers=OUTBOUND, flow=TLS_TWO)
    site.register(flow_of(1), 2.0, headers=OUTBOUND, flow=TLS_ONE, expires="0")
    assert [one.reg_id for one in site.registrar.every("alice", 3.0)] == ["2"]


def test_a_phone_that_gives_up_outbound_is_still_one_phone() -> None:
    site = Site()
    site.register(flow_of(1), 0.0, headers=OUTBOUND, flow=TLS_ONE)
    site.register('<sip:alice@192.0.2.7>;+sip.instance="<urn:uuid:1>"', 1.0, call_id="other")
    assert [one.contact for one in site.registrar.every("alice", 2.0)] == ["sip:alice@192.0.2.7"]
    site.register(flow_of(3), 2.0, headers=OUTBOUND, flow=TLS_TWO, call_id="third")
    assert [one.reg_id for one in site.registrar.every("alice", 3.0)] == ["3"]


@pytest.mark.parametrize("reg_id", ["0", "4294967295", "x", "-1", "99999999999999999999"])
def test_a_reg_id_is_a_positive_number(reg_id: str) -> None:
    contact = f'<sip:alice@192.0.2.7>;+sip.instance="<urn:uuid:1>";reg-id={reg_id}'
    assert Site().register(contact, headers=OUTBOUND)[0] == 400


def test_two_flows_in_one_request_are_400() -> None:
    assert Site().register(f"{flow_of(1)}, {flow_of(2)}", headers=OUTBOUND)[0] == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 439),
        ("Path: <sip:edge.example;lr>\r\n", 439),
        ("Path: <sip:core.example;lr>, <sip:tok@edge.example;lr;ob>\r\n", 200),
    ],
)
def test_the_first_hop_must_know_what_a_flow_is(path: str, status: int) -> None:
    via = "Via: SIP/2.0/TLS 192.168.1.5:5061;branch=z9hG4bKinner\r\n"
    assert Site().register(flow_of(1), headers=f"{OUTBOUND}{via}{path}", flow=TLS_ONE)[0] == status


def test_flows_survive_a_restart_each_with_its_own_key() -> None:
    site = Site()
    site.register(flow_of(1), 0.0, headers=OUTBOUND, flow=PHONE)
    site.register(flow_of(2), 0.0, headers=OUTBOUND, flow=Flow("udp", "192.0.2.7", 6000))
    after = Site()
    after.registrar.restore([event for event in site.events() if isinstance(event, BindingAdded)], 1.0)
    assert sorted(one.reg_id for one in after.registrar.every("alice", 2.0)) == ["1", "2"]
    assert len(after.registrar.bindings("alice", 2.0)) == 1


# --- public GRUUs (RFC 5627) --------------------------------------------------------------------------------------------

PHONE_WITH_GRUU = '<sip:alice@192.168.1.5>;+sip.instance="<urn:uuid:f81d>"'


def test_a_gruu_is_given_to_who_asks_for_it() -> None:
    site = Site()
    site.registrar.domains = {"pbx.test"}
    assert "pub-gruu" not in site.register(PHONE_WITH_GRUU)[1]
    _, headers = site.register(PHONE_WITH_GRUU, headers="Supported: gruu\r\n")
    assert ';pub-gruu="sip:alice@pbx.test;gr=urn:uuid:f81d"' in headers
    assert "pub-gruu" not in site.register("<sip:alice@192.0.2.9>;pub-gruu=x", call_id="b")[1]
    site.registrar.domains = {"another.test"}  # It would not lead to us.
    assert "pub-gruu" not in site.register(PHONE_WITH_GRUU, headers="Supported: gruu\r\n")[1]


def test_a_gruu_leads_to_its_phone_and_to_no_other() -> None:
    site = Site()
    site.registrar.domains = {"pbx.test"}
    site.register(PHONE_WITH_GRUU, headers="Supported: gruu\r\n")
    site.register('<sip:alice@192.168.1.6>;+sip.instance="<urn:uuid:other>"', call_id="b")
    found = site.registrar.gruu("sip:alice@pbx.test;gr=urn:uuid:f81d", 1.0)
    assert found is not None and found.contact == "sip:alice@192.168.1.5"
    for uri in (
        "sip:alice@pbx.test", "sip:alice@pbx.test;gr=urn:uuid:none", "sip:bob@pbx.test;gr=urn:uuid:f81d",
        "sip:alice@elsewhere.test;gr=urn:uuid:f81d", "tel:+48;gr=urn:uuid:f81d", "garbage",
    ):  # fmt: skip
        assert site.registrar.gruu(uri, 1.0) is None
    assert site.registrar.gruu("sip:alice@pbx.test;gr=urn:uuid:f81d", 10_000.0) is None  # run out


def test_an_instance_that_is_no_plain_text_is_escaped_and_found_again() -> None:
    site = Site()
    site.registrar.domains = {"pbx.test"}
    odd = 'urn:x;y="z" 100%'
    contact = f'<sip:alice@192.168.1.5>;+sip.instance="<{odd}>"'.replace('"z"', '\\"z\\"')
    _, headers = site.register(contact, headers="Supported: gruu\r\n")
    gruu = re.findall(r'pub-gruu="([^"]*)"', headers)
    assert len(gruu) == 1 and site.registrar.gruu(gruu[0], 1.0) is not None


# --- requests follow the phone -----------------------------------------------------------------------------------------


def test_what_goes_to_a_gruu_goes_to_the_contact_wherever_it_is_now() -> None:
    site = Site()
    site.registrar.domains = {"pbx.test"}
    site.register(PHONE_WITH_GRUU, headers="Supported: gruu\r\nPath: <sip:edge.example;lr>\r\n", flow=TLS_ONE)
    old = Flow("udp", "203.0.113.9", 5060)
    assert site.registrar.way("sip:alice@pbx.test;gr=urn:uuid:f81d", old, 1.0) == (
        "sip:alice@192.168.1.5", TLS_ONE, "Route: <sip:edge.example;lr>\r\n",
    )  # fmt: skip
    assert site.registrar.way("sip:alice@x.test;gr=urn:uuid:f81d", old, 1.0) == (
        "sip:alice@x.test;gr=urn:uuid:f81d",
        old,
        "",
    )


def test_a_flow_that_its_phone_has_left_becomes_the_one_it_came_back_on() -> None:
    site = Site()
    nat = "<sip:alice@192.168.1.5:5060>"
    first, second, third = (Flow("udp", "203.0.113.9", port) for port in (31_000, 32_000, 33_000))
    for flow in (first, second, third):
        site.register(nat, flow=flow)
    assert site.registrar.way("sip:x", first, 1.0)[1] == third
    assert site.registrar.way("sip:x", second, 1.0)[1] == third
    # Somebody else is registered where the phone was: what goes there is theirs.
    bob = request("REGISTER", contact="<sip:bob@10.0.0.1>", call_id="b").replace(b"1000@", b"bob@")
    assert site.registrar.register(parsed(bob, first), Account("bob"), 2.0)[0] == 200
    assert site.registrar.way("sip:x", first, 3.0)[1] == first
    site.registrar.remove("alice")
    assert site.registrar.way("sip:x", second, 4.0)[1] == second


def test_a_port_that_a_contact_only_claims_is_nobodys_to_leave() -> None:
    """Behind the same address may be another phone's port: claiming it and moving on must not steal what is sent there."""
    site = Site()
    victim = Flow("udp", "203.0.113.9", 31_000)
    site.register("<sip:alice@203.0.113.9:31000>", flow=victim._replace(port=40_000))
    assert site.registrar.bindings("alice", 0.0)[0].flow == victim
    site.register("<sip:alice@203.0.113.9:40000>", flow=victim._replace(port=40_000), call_id="b")
    site.registrar.remove("alice", contact="sip:alice@203.0.113.9:31000")
    assert site.registrar.way("sip:x", victim, 1.0)[1] == victim


def test_twins_behind_two_nats_are_two_phones() -> None:
    """Two homes with the same private addresses: the URI is the same, the phone is not."""
    site = Site()
    uri = "<sip:alice@192.168.1.5:5060>"
    home, office = Flow("udp", "203.0.113.9", 31_000), Flow("udp", "198.51.100.77", 5060)
    site.register(uri, flow=home)
    site.register(uri, flow=office, call_id="office")
    assert {one.flow for one in site.registrar.bindings("alice", 1.0)} == {home, office}
    site.register(uri, flow=office._replace(port=5099), call_id="office")  # its NAT has given it another port
    assert len(site.registrar) == 2
    site.register(uri, flow=home, expires="0")
    assert [one.flow.port for one in site.registrar.bindings("alice", 2.0)] == [5099]
    # The same phone behind another address keeps its Call-ID, or is known by its instance.
    site.register(uri, flow=Flow("udp", "192.0.2.250", 7), call_id="office")
    assert len(site.registrar) == 1


# --- sips (RFC 5630) -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flow", "status"), [(PHONE, 403), (PHONE_TCP, 403), (TLS_ONE, 200)])
def test_a_sips_contact_needs_an_encrypted_way(flow: Flow, status: int) -> None:
    got, headers = Site().register("<sips:alice@192.0.2.7:5061>", flow=flow)
    assert got == status and ("Warning: 381" in headers) is (status == 403)


# --- reachable or not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "rung", "bound"), [("skip", 0, 1), ("remove", 0, 0), ("ring", 1, 1)])
def test_a_contact_that_does_not_answer(policy: str, rung: int, bound: int) -> None:
    site = Site(unreachable=policy)
    site.register()
    site.events()
    site.registrar.silent("alice", "sip:alice@192.0.2.7:5060", 3)
    site.registrar.silent("alice", "sip:alice@192.0.2.7:5060", 4)
    assert len(site.registrar.bindings("alice", 1.0)) == rung and len(site.registrar.every("alice", 1.0)) == bound
    events = site.events()
    assert events[0] == BindingUnreachable("alice", "sip:alice@192.0.2.7:5060", 3)
    assert (DeviceReachable("alice", False) in events) is (policy != "ring")


def test_and_answers_again() -> None:
    site = Site()
    site.register()
    key = "sip:alice@192.0.2.7:5060"
    site.registrar.silent("alice", key, 3)
    site.events()
    site.registrar.answered("alice", key, 0.0123)
    assert site.events() == [BindingReachable("alice", key, 12.3), DeviceReachable("alice", True)]
    assert site.registrar.bindings("alice", 1.0)[0].rtt == 0.0123
    site.registrar.silent("alice", key, 3)
    site.events()
    site.register()
    assert [type(event) for event in site.events()] == [DeviceReachable, BindingAdded, BindingReachable]
