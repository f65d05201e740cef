"""Every arrow of the four transactions, and of every state and input without one (RFC 3261 section 17, RFC 6026).

The figures are written down here a second time, from the RFCs: state and input -> state, what comes out, timers that start.
"""

from __future__ import annotations

import inspect

import pytest

from softswitch.effects import Send
from softswitch.sip import client, server
from softswitch.sip.message import parse
from softswitch.sip.timers import LINGER, T1, T2, T4, TRYING_DELAY, TimerQueues
from softswitch.sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    ClientTransaction,
    Core,
    Input,
    ServerTransaction,
    State,
)
from tests.unit.sip.peer import PHONE, PHONE_TCP, answer, request

S, I = State, Input  # noqa: E741
Arrow = tuple[State, list[str], dict[str, float]]
Figure = dict[tuple[State, Input], Arrow]

GIVEN, STORED, ACK, CANCEL = "the given response", "what is stored", "ACK", "CANCEL"

INVITE_SERVER_FIGURE: Figure = {
    (S.INITIAL, I.REQUEST): (S.TRYING, ["RequestReceived"], {"200 ms": TRYING_DELAY}),
    # A restart: nothing is sent or told, and time goes on.
    (S.INITIAL, I.WAS_TRYING): (S.TRYING, [], {"200 ms": TRYING_DELAY}),
    (S.INITIAL, I.WAS_PROCEEDING): (S.PROCEEDING, [], {}),
    (S.INITIAL, I.WAS_ACCEPTED): (S.ACCEPTED, [], {"2xx interval": T1, "timer L": LINGER}),
    (S.TRYING, I.REQUEST): (S.TRYING, [], {}),
    (S.TRYING, I.TIMER_TRYING): (S.PROCEEDING, ["100"], {}),
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, [GIVEN], {}),
    (S.TRYING, I.SUCCESS): (S.ACCEPTED, [GIVEN], {"2xx interval": T1, "timer L": LINGER}),
    (S.TRYING, I.FINAL): (S.COMPLETED, [GIVEN], {"timer G": T1, "timer H": LINGER}),
    (S.TRYING, I.FINAL_RELIABLE): (S.COMPLETED, [GIVEN], {"timer H": LINGER}),
    (S.TRYING, I.REJECT): (S.TERMINATED, [GIVEN], {}),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, ["ServerFailed"], {}),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, [STORED], {}),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, [GIVEN], {}),
    (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, [GIVEN], {"2xx interval": T1, "timer L": LINGER}),
    (S.PROCEEDING, I.FINAL): (S.COMPLETED, [GIVEN], {"timer G": T1, "timer H": LINGER}),
    (S.PROCEEDING, I.FINAL_RELIABLE): (S.COMPLETED, [GIVEN], {"timer H": LINGER}),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, ["ServerFailed"], {}),
    (S.COMPLETED, I.REQUEST): (S.COMPLETED, [STORED], {}),
    (S.COMPLETED, I.ACK): (S.CONFIRMED, [], {"timer I": T4}),
    (S.COMPLETED, I.ACK_RELIABLE): (S.TERMINATED, [], {}),
    (S.COMPLETED, I.TIMER_G): (S.COMPLETED, [STORED], {"timer G": 2 * T1}),
    (S.COMPLETED, I.TIMER_H): (S.TERMINATED, [], {}),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, [], {}),
    (S.CONFIRMED, I.REQUEST): (S.CONFIRMED, [], {}),
    (S.CONFIRMED, I.ACK): (S.CONFIRMED, [], {}),
    (S.CONFIRMED, I.TIMER_I): (S.TERMINATED, [], {}),
    (S.ACCEPTED, I.REQUEST): (S.ACCEPTED, [], {}),
    (S.ACCEPTED, I.ACK): (S.ACCEPTED, ["AckReceived"], {}),
    (S.ACCEPTED, I.ACK_RELIABLE): (S.ACCEPTED, ["AckReceived"], {}),
    (S.ACCEPTED, I.ACKNOWLEDGED): (S.ACKNOWLEDGED, [], {}),
    (S.ACCEPTED, I.TIMER_2XX): (S.ACCEPTED, [STORED], {"2xx interval": 2 * T1}),
    (S.ACCEPTED, I.TIMER_L): (S.TERMINATED, ["AckMissing"], {}),
    (S.ACKNOWLEDGED, I.REQUEST): (S.ACKNOWLEDGED, [], {}),
    (S.ACKNOWLEDGED, I.ACK): (S.ACKNOWLEDGED, [], {}),
    (S.ACKNOWLEDGED, I.ACK_RELIABLE): (S.ACKNOWLEDGED, [], {}),
    (S.ACKNOWLEDGED, I.TIMER_L): (S.TERMINATED, [], {}),
}

NON_INVITE_SERVER_FIGURE: Figure = {
    (S.INITIAL, I.REQUEST): (S.TRYING, ["RequestReceived"], {}),
    (S.INITIAL, I.REQUEST_OURS): (S.TRYING, [], {}),
    (S.TRYING, I.REQUEST): (S.TRYING, [], {}),
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, [GIVEN], {}),
    (S.TRYING, I.FINAL): (S.COMPLETED, [GIVEN], {"timer J": LINGER}),
    (S.TRYING, I.FINAL_RELIABLE): (S.TERMINATED, [GIVEN], {}),
    (S.TRYING, I.REJECT): (S.TERMINATED, [GIVEN], {}),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, [], {}),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, [STORED], {}),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, [GIVEN], {}),
    (S.PROCEEDING, I.FINAL): (S.COMPLETED, [GIVEN], {"timer J": LINGER}),
    (S.PROCEEDING, I.FINAL_RELIABLE): (S.TERMINATED, [GIVEN], {}),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, [], {}),
    (S.COMPLETED, I.REQUEST): (S.COMPLETED, [STORED], {}),
    (S.COMPLETED, I.TIMER_J): (S.TERMINATED, [], {}),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, [], {}),
}

INVITE_CLIENT_FIGURE: Figure = {
    (S.INITIAL, I.REQUEST): (S.CALLING, ["request"], {"timer A": T1, "timer B": LINGER}),
    (S.INITIAL, I.REQUEST_RELIABLE): (S.CALLING, ["request"], {"timer B": LINGER}),
    (S.INITIAL, I.WAS_CALLING): (S.CALLING, [], {"timer A": T1, "timer B": LINGER}),
    (S.INITIAL, I.WAS_PROCEEDING): (S.PROCEEDING, [], {}),
    (S.INITIAL, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.CALLING, I.TIMER_A): (S.CALLING, [STORED], {"timer A": 2 * T1}),
    (S.CALLING, I.TIMER_B): (S.TERMINATED, ["RequestFailed 408"], {}),
    (S.CALLING, I.TRYING): (S.PROCEEDING, ["ResponseReceived"], {}),
    (S.CALLING, I.PROVISIONAL): (S.PROCEEDING, ["ResponseReceived"], {}),
    (S.CALLING, I.SUCCESS): (S.ACCEPTED, ["ResponseReceived"], {"timer M": LINGER}),
    (S.CALLING, I.FINAL): (S.COMPLETED, [ACK, "ResponseReceived"], {"timer D": LINGER}),
    (S.CALLING, I.FINAL_RELIABLE): (S.TERMINATED, [ACK, "ResponseReceived"], {}),
    (S.CALLING, I.CANCEL): (S.CANCEL_WAITING, [], {}),
    (S.CALLING, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, ["ResponseReceived"], {}),
    (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, ["ResponseReceived"], {"timer M": LINGER}),
    (S.PROCEEDING, I.FINAL): (S.COMPLETED, [ACK, "ResponseReceived"], {"timer D": LINGER}),
    (S.PROCEEDING, I.FINAL_RELIABLE): (S.TERMINATED, [ACK, "ResponseReceived"], {}),
    (S.PROCEEDING, I.CANCEL): (S.CANCELLED, [CANCEL], {"timer E": T1, "timer F": LINGER, "cancel timeout": LINGER}),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.CANCEL_WAITING, I.TIMER_A): (S.CANCEL_WAITING, [STORED], {"timer A": 2 * T1}),
    (S.CANCEL_WAITING, I.TIMER_B): (S.TERMINATED, ["RequestFailed 408"], {}),
    (S.CANCEL_WAITING, I.TRYING): (S.CANCELLED, [CANCEL], {"timer E": T1, "timer F": LINGER, "cancel timeout": LINGER}),
    (S.CANCEL_WAITING, I.PROVISIONAL): (
        S.CANCELLED,
        [CANCEL],
        {"timer E": T1, "timer F": LINGER, "cancel timeout": LINGER},
    ),
    (S.CANCEL_WAITING, I.SUCCESS): (S.ACCEPTED, ["ResponseReceived"], {"timer M": LINGER}),
    (S.CANCEL_WAITING, I.FINAL): (S.COMPLETED, [ACK, "ResponseReceived"], {"timer D": LINGER}),
    (S.CANCEL_WAITING, I.FINAL_RELIABLE): (S.TERMINATED, [ACK, "ResponseReceived"], {}),
    (S.CANCEL_WAITING, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.CANCELLED, I.SUCCESS): (S.ACCEPTED, ["ResponseReceived"], {"timer M": LINGER}),
    (S.CANCELLED, I.FINAL): (S.COMPLETED, [ACK, "ResponseReceived"], {"timer D": LINGER}),
    (S.CANCELLED, I.FINAL_RELIABLE): (S.TERMINATED, [ACK, "ResponseReceived"], {}),
    (S.CANCELLED, I.TIMER_CANCEL): (S.TERMINATED, ["RequestFailed 487"], {}),
    (S.CANCELLED, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.COMPLETED, I.FINAL): (S.COMPLETED, [STORED], {}),
    (S.COMPLETED, I.TIMER_D): (S.TERMINATED, [], {}),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, [], {}),
    (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, ["kept ACK"], {}),
    (S.ACCEPTED, I.TIMER_M): (S.TERMINATED, [], {}),
}

NON_INVITE_CLIENT_FIGURE: Figure = {
    (S.INITIAL, I.REQUEST): (S.TRYING, ["request"], {"timer E": T1, "timer F": LINGER}),
    (S.INITIAL, I.REQUEST_RELIABLE): (S.TRYING, ["request"], {"timer F": LINGER}),
    (S.INITIAL, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.TRYING, I.TIMER_E): (S.TRYING, [STORED], {"timer E": 2 * T1}),
    (S.TRYING, I.TIMER_F): (S.TERMINATED, ["RequestFailed 408"], {}),
    (S.TRYING, I.TRYING): (S.PROCEEDING, ["ResponseReceived"], {}),
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, ["ResponseReceived"], {}),
    (S.TRYING, I.FINAL): (S.COMPLETED, ["ResponseReceived"], {"timer K": T4}),
    (S.TRYING, I.FINAL_RELIABLE): (S.TERMINATED, ["ResponseReceived"], {}),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.PROCEEDING, I.TIMER_E): (S.PROCEEDING, [STORED], {"timer E": T2}),
    (S.PROCEEDING, I.TIMER_F): (S.TERMINATED, ["RequestFailed 408"], {}),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, ["ResponseReceived"], {}),
    (S.PROCEEDING, I.FINAL): (S.COMPLETED, ["ResponseReceived"], {"timer K": T4}),
    (S.PROCEEDING, I.FINAL_RELIABLE): (S.TERMINATED, ["ResponseReceived"], {}),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, ["RequestFailed 503"], {}),
    (S.COMPLETED, I.TIMER_K): (S.TERMINATED, [], {}),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, [], {}),
}

TABLES = {
    "INVITE server": (INVITE_SERVER, INVITE_SERVER_FIGURE),
    "non-INVITE server": (NON_INVITE_SERVER, NON_INVITE_SERVER_FIGURE),
    "INVITE client": (INVITE_CLIENT, INVITE_CLIENT_FIGURE),
    "non-INVITE client": (NON_INVITE_CLIENT, NON_INVITE_CLIENT_FIGURE),
}
CASES = [(name, state, what) for name, (table, _) in TABLES.items() for state in table for what in Input]
STATUS = {I.TRYING: 100, I.PROVISIONAL: 183, I.SUCCESS: 200, I.FINAL: 486, I.FINAL_RELIABLE: 486}


def transaction_in(name: str, state: State) -> ServerTransaction | ClientTransaction:
    """A transaction that has come to `state`, with nothing left to drain and no timer running."""
    core = Core()
    method = "INVITE" if name.startswith("INVITE") else "OPTIONS"
    data = request(method)
    tx: ServerTransaction | ClientTransaction
    if "server" in name:
        tx = ServerTransaction(core, "key", parse(data, PHONE), PHONE)
    else:
        head = client.Head("SIP/2.0/UDP us;branch=z9hG4bKx", "<sip:us@x>;tag=1", "<sip:bob@x>", "c", 1, "")
        tx = ClientTransaction(core, method, "sip:bob@x", PHONE, "z9hG4bKx", head, data)
    if state is not State.INITIAL:
        tx.handle(Input.REQUEST, 0.0)
        tx.data = b"stored"
        tx.state = state
        if state is State.ACCEPTED and isinstance(tx, ClientTransaction):
            tx.acks = {"bt": Send(b"kept", PHONE)}
    core.out, core.timers = [], TimerQueues()
    return tx


def outputs(tx: ServerTransaction | ClientTransaction) -> list[str]:
    names = {b"given": GIVEN, b"stored": STORED, b"kept": "kept ACK"}
    found = []
    for item in tx.core.out:
        if isinstance(item, Send):
            first = item.data.split(b" ", 2)
            if item.data in names:
                found.append(names[item.data])
            elif first[0] in (b"ACK", b"CANCEL"):
                found.append(first[0].decode())
            else:
                found.append(first[1].decode() if first[0] == b"SIP/2.0" else "request")
        else:
            status = getattr(item, "status", "")
            found.append(f"{type(item).__name__} {status}".strip())
    return found


def armed(tx: ServerTransaction | ClientTransaction, now: float) -> dict[str, float]:
    return {str(what): round(at - now, 6) for queue in tx.core.timers._queues.values() for at, _, what in queue}


@pytest.mark.parametrize("name, state, what", CASES)
def test_every_arrow(name: str, state: State, what: Input) -> None:
    tx = transaction_in(name, state)
    payload: object = b"given"
    if isinstance(tx, ClientTransaction):
        sent = request(tx.method)
        payload = parse(answer(sent, STATUS[what]), PHONE) if what in STATUS else None
    elif what in (Input.ACK, Input.ACK_RELIABLE):
        payload = parse(request("ACK"), PHONE)
    tx.handle(what, 100.0, payload)  # type: ignore[arg-type]
    after, out, timers = TABLES[name][1].get((state, what), (state, [], {}))
    assert (tx.state, outputs(tx), armed(tx, 100.0)) == (after, out, timers)
    core = tx.core
    known = core.servers if isinstance(tx, ServerTransaction) else core.clients
    if tx.state is State.TERMINATED and state is not State.TERMINATED:
        assert tx.key not in known and not core.merged and not core.by_flow and not core.pending
        assert tx in core.settled


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_have_no_arrow_more_than_the_figures(name: str) -> None:
    table, figure = TABLES[name]
    assert {(state, what) for state, row in table.items() for what in row} == set(figure)
    reachable = {State.INITIAL} | {after for row in table.values() for _, after in row.values()}
    assert reachable == set(table)


@pytest.mark.parametrize("module", [server, client])
def test_the_state_changes_in_one_line(module: object) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    assert source.count("self.state = ") - source.count("self.state = State.INITIAL") == 1
    assert ".state = " not in source.replace("self.state = ", "")


def test_intervals_double_up_to_t2() -> None:
    for name, state, what, expected in (
        ("INVITE server", State.COMPLETED, Input.TIMER_G, [1.0, 2.0, 4.0, 4.0]),
        ("INVITE server", State.ACCEPTED, Input.TIMER_2XX, [1.0, 2.0, 4.0, 4.0]),
        ("non-INVITE client", State.TRYING, Input.TIMER_E, [1.0, 2.0, 4.0, 4.0]),
        ("INVITE client", State.CALLING, Input.TIMER_A, [1.0, 2.0, 4.0, 8.0]),
    ):
        tx = transaction_in(name, state)
        found = []
        for _ in range(4):
            tx.core.timers = TimerQueues()
            tx.handle(what, 0.0)
            found += armed(tx, 0.0).values()
        assert found == expected


def test_a_reliable_transport_is_seen_by_its_flow() -> None:
    core = Core()
    assert not ServerTransaction(core, "k", parse(request(), PHONE), PHONE).reliable
    tx = ServerTransaction(core, "k", parse(request(), PHONE_TCP), PHONE_TCP)
    assert tx.reliable
    head = client.Head("v", "f", "t", "c", 1, "")
    outgoing = ClientTransaction(core, "OPTIONS", "sip:x", PHONE_TCP, "b", head, b"")
    assert [outgoing.classify(status) for status in (100, 180, 200, 486)] == [
        Input.TRYING, Input.PROVISIONAL, Input.FINAL_RELIABLE, Input.FINAL_RELIABLE,
    ]  # fmt: skip
    call = ClientTransaction(core, "INVITE", "sip:x", PHONE, "b", head, b"")
    assert [call.classify(status) for status in (200, 299, 300, 699)] == [
        Input.SUCCESS, Input.SUCCESS, Input.FINAL, Input.FINAL,
    ]  # fmt: skip


def test_forks_are_bounded() -> None:
    tx = transaction_in("INVITE client", State.ACCEPTED)
    assert isinstance(tx, ClientTransaction)
    for number in range(3 * client.MAX_FORKS):
        tx.handle(Input.SUCCESS, 0.0, parse(answer(request(), 200, to_tag=f"t{number}"), PHONE))
    assert tx.acks is not None and len(tx.acks) == client.MAX_FORKS
