from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .running import Phone, Running, value


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_answers_options_and_registers_phones(switch: Running, transport: str) -> None:
    phone = Phone(switch, 1, transport)
    status, text = phone.ask("OPTIONS", "x")
    assert status == 200 and "INVITE" in value(text, "Allow")
    assert phone.register() == 200
    rows = [one for one in switch.command("registrations") if one["aor"] == phone.user]
    assert [one["transport"] for one in rows] == [transport]
    assert phone.register(expires=0) == 200
    phone.close()


def test_lab_json_says_what_there_is(switch: Running) -> None:
    assert switch.process is not None
    facts = switch.facts
    assert facts["pid"] == switch.process.pid
    assert facts["sip"] == f"127.0.0.1:{switch.port}" and facts["http"] == f"127.0.0.1:{switch.http}"
    assert [one["user"] for one in facts["accounts"]] == [str(1000 + n) for n in range(10)]
    assert len({one["password"] for one in facts["accounts"] + facts["agents"]}) == 12
    assert [one["tier"] for one in facts["agents"]] == [0, 0]
    assert set(facts["extensions"]) == {"echo", "music", "prompt", "ivr", "queue", "conference"}
    assert facts["supervisor"]["user"] == "supervisor"
    assert Path(facts["database"]).exists() and Path(facts["log"]).exists()
    for name in ("lab.json", "accounts.json", "softswitch.toml", "softswitch.sqlite", "softswitch.sock"):
        assert stat.S_IMODE((switch.directory / "lab" / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP 127.0.0.1:70000;branch=z9hG4bKa",
        "SIP/2.0/UDP 127.0.0.1:70000;rport;branch=z9hG4bKb",
        "SIP/2.0/UDP 127.0.0.1:0;branch=z9hG4bKc",
        "SIP/2.0/UDP 127.0.0.1:99999999999999999999;branch=z9hG4bKd",
        "SIP/2.0/UDP example.invalid:5060;branch=z9hG4bKe",
        "SIP/2.0/UDP 224.0.0.1:5060;branch=z9hG4bKf",
        "SIP/2.0/UDP 127.0.0.1\x00:5060;branch=z9hG4bKg",
        "SIP/2.0/UDP [::1]:5060;branch=z9hG4bKh",
        "SIP/2.0/TCP 127.0.0.1:70000;branch=z9hG4bKi",
        "SIP/2.0/UDP 127.1:5060;maddr=255.255.255.255;branch=z9hG4bKj",
    ],
)
def test_no_via_stops_the_listener(switch: Running, via: str) -> None:
    phone = Phone(switch)
    for method in ("OPTIONS", "INVITE", "REGISTER"):
        phone.send(method, "echo", via=via)
    phone.send("OPTIONS", "alive", call_id="ping")
    while value(phone.receive()[1], "Call-ID") != "ping":
        pass
    phone.close()
    assert switch.command("status")["faults"] == 0


def test_thousands_of_bad_datagrams_leave_it_listening(switch: Running) -> None:
    phone = Phone(switch)
    good = b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKz\r\n"
    for number in range(3000):
        phone.socket.send(good[: number % len(good)] + bytes([number % 256]) * (number % 40))
    other = Phone(switch)  # The first one's buffer is full of answers.
    assert other.ask("OPTIONS", "alive")[0] in (200, 503)  # 503: on a slow machine this is an overload.
    phone.close()
    other.close()
    assert switch.command("status")["faults"] == 0


def get(switch: Running, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{switch.http}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_pages(switch: Running) -> None:
    assert get(switch, "/healthz") == (200, "ok\n")
    assert get(switch, "/readyz") == (200, "ok\n")
    status, text = get(switch, "/metrics")
    assert status == 200
    for name in ("softswitch_calls", "softswitch_registrations", 'softswitch_queue_waiting{queue="queue"}',
                 "softswitch_loop_lag_seconds", "softswitch_sip_total",
                 'softswitch_sip_messages_total{direction="in",kind="OPTIONS"}', "softswitch_media_legs_free",
                 'softswitch_media_relay{relay="'):  # fmt: skip
        assert name in text
    assert json.loads(get(switch, "/api/queues")[1])[0]["name"] == "queue"
    assert json.loads(get(switch, "/api/status")[1])["domain"] == "127.0.0.1"
    assert json.loads(get(switch, "/api/calls")[1]) == []
    assert len(json.loads(get(switch, "/api/agents")[1])) == 2


def test_an_agent_is_steered_from_the_command_line(switch: Running) -> None:
    assert switch.command("agent", "login", "agent-2000")["presence"] == "ready"
    paused = switch.command("agent", "pause", "agent-2000", "--reason", "lunch")
    assert (paused["presence"], paused["reason"]) == ("not_ready", "lunch")
    assert switch.command("agent", "ready", "agent-2000")["presence"] == "ready"
    members = {one["agent"]: one["condition"] for one in switch.command("queue", "show", "queue")["members"]}
    assert members["agent-2000"] != members["agent-2001"] == "logged_out"
    assert switch.command("agent", "logout", "agent-2000")["presence"] == "offline"


def test_a_call_is_seen_and_ended_by_an_operator(switch: Running) -> None:
    phone = Phone(switch, 2)
    phone.call("echo")
    (call,) = switch.command("calls")
    assert call["caller"] == phone.user and call["dialled"] == "echo"
    assert switch.command("calls", "hangup", call["call"]) == {"ended": 1}
    status, text = phone.receive()
    assert status == 0 and text.startswith("BYE ")
    phone.close()


def test_sighup_takes_a_changed_site_and_leaves_calls_alone(own_switch: Running) -> None:
    phone = Phone(own_switch, 0)
    tag = phone.call("music")
    text = own_switch.command("export")["site"] + '\n[account.777]\nname = "New"\npassword = "a-long-password"\n'
    site = own_switch.directory / "site.toml"
    site.write_text(text)
    assert own_switch.command("apply", str(site))["changes"] == ['+ account 777: password set; name "New"']
    assert "777" in {one["user"] for one in own_switch.command("account", "list")}
    own_switch.signal(signal.SIGHUP)
    own_switch.told("RELOADING=1")
    own_switch.told("READY=1")
    assert own_switch.command("reload", "--dry-run") == {"version": 2, "changes": [], "affected": [], "dry_run": True}
    site.write_text(text.replace(f"[account.{phone.user}]", "[account.666]"))
    (touched,) = own_switch.command("apply", "--dry-run", str(site))["affected"]
    assert (touched["name"], len(touched["calls"])) == (phone.user, 1)
    assert own_switch.command("rollback", "--dry-run")["changes"] == ["- account 777"]
    assert own_switch.command("rollback")["version"] == 3
    assert "777" not in {one["user"] for one in own_switch.command("account", "list")}
    assert [one["version"] for one in own_switch.command("history")["versions"]] == [3, 2, 1]
    assert len(own_switch.command("calls")) == 1
    assert phone.ask("BYE", "music", to_tag=tag, call_id="a-call")[0] == 200
    phone.close()


def test_sigterm_lets_a_call_end_and_refuses_new_ones(own_switch: Running) -> None:
    phone = Phone(own_switch, 0)
    tag = phone.call("echo")
    own_switch.signal(signal.SIGTERM)
    own_switch.told("STOPPING=1")
    stranger = Phone(own_switch, 1)
    status, text = stranger.authenticated("INVITE", "echo")
    assert status == 503 and int(value(text, "Retry-After")) > 0
    assert get(own_switch, "/readyz") == (503, "draining\n")
    assert phone.ask("BYE", "echo", to_tag=tag, call_id="a-call")[0] == 200
    assert own_switch.wait() == 0
    assert not (own_switch.directory / "lab" / "lab.json").exists()
    phone.close()
    stranger.close()


@pytest.mark.parametrize("limit", ["SOFTSWITCH_LIMITS_CALLS", "SOFTSWITCH_LIMITS_CALLS_PER_SECOND"])
def test_calls_over_the_limit_are_asked_to_come_later(tmp_path: Path, limit: str) -> None:
    switch = Running(tmp_path, settings={limit: "1"})
    switch.start()
    first, second = Phone(switch, 0), Phone(switch, 1)
    first.call("echo")
    status, text = second.authenticated("INVITE", "echo", **second.offer())
    assert status == 503 and 5 <= int(value(text, "Retry-After")) <= 20
    assert second.register() == 200
    first.close()
    second.close()
    switch.close()


def test_sigint_ends_calls_at_once(own_switch: Running) -> None:
    phone = Phone(own_switch, 0)
    phone.call("music")
    own_switch.signal(signal.SIGINT)
    status, text = phone.receive()
    assert status == 0 and text.startswith("BYE ")
    phone.close()
    assert own_switch.wait() == 0


def test_kill_9_costs_no_registration_and_no_agents_state(own_switch: Running) -> None:
    phones = [Phone(own_switch, number) for number in range(5)]
    assert [phone.register() for phone in phones] == [200] * 5
    own_switch.command("agent", "login", "agent-2001")
    own_switch.command("agent", "pause", "agent-2001", "--reason", "training")
    passwords = own_switch.facts["accounts"]
    flushed(own_switch)
    own_switch.kill()
    own_switch.start()
    assert own_switch.facts["accounts"] == passwords
    assert {one["aor"] for one in own_switch.command("registrations")} == {phone.user for phone in phones}
    (agent,) = (one for one in own_switch.command("agent", "list") if one["agent"] == "agent-2001")
    assert (agent["presence"], agent["reason"]) == ("not_ready", "training")
    # A phone that registered before the power cut rings, although it has not registered again.
    phones[1].send_authenticated("INVITE", phones[0].user, **phones[1].offer())
    status, text = phones[0].receive()
    assert status == 0 and text.startswith("INVITE ")
    for phone in phones:
        phone.close()


def flushed(switch: Running) -> None:
    """Wait until everything that happened is on disk."""
    while switch.command("status")["store"]["pending"]:
        pass


def test_a_dead_media_worker_is_replaced_and_the_call_goes_on(own_switch: Running) -> None:
    phone = Phone(own_switch, 0)
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 0))
    rtp.settimeout(30)
    tag = phone.call("music", rtp.getsockname()[1])
    rtp.recv(2000)
    (worker,) = own_switch.command("status")["workers"]
    os.kill(worker["pid"], signal.SIGKILL)
    while True:
        (now,) = own_switch.command("status")["workers"]
        if now["state"] == "ready" and now["pid"] != worker["pid"]:
            break
    assert now["restarts"] == 1
    rtp.setblocking(False)
    with contextlib.suppress(BlockingIOError):  # What the old worker had sent.
        while rtp.recv(2000):
            pass
    rtp.settimeout(30)
    assert len(rtp.recv(2000)) == 172  # The music goes on, to the same port.
    assert phone.ask("BYE", "music", to_tag=tag, call_id="a-call")[0] == 200
    assert get(own_switch, "/healthz") == (200, "ok\n")
    rtp.close()
    phone.close()


def test_stream_and_datagram_share_the_port(switch: Running) -> None:
    with socket.create_connection(("127.0.0.1", switch.port), timeout=30) as stream:
        stream.sendall(b"\r\n\r\n")
        assert stream.recv(10) == b"\r\n"


def test_kill_9_in_the_middle_of_a_call(own_switch: Running) -> None:
    phone = Phone(own_switch, 0)
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 0))
    rtp.settimeout(30)
    tag = phone.call("music", rtp.getsockname()[1])
    (worker,) = own_switch.command("status")["workers"]
    watcher = os.pidfd_open(worker["pid"])
    flushed(own_switch)
    first = int.from_bytes(rtp.recv(2000)[2:4], "big")
    own_switch.kill()
    own_switch.start()
    (now,) = own_switch.command("status")["workers"]
    assert (now["pid"], now["adopted"], now["restarts"]) == (worker["pid"], True, 0)
    (call,) = own_switch.command("calls")
    assert call["caller"] == phone.user
    rtp.setblocking(False)
    numbers = [first]
    with contextlib.suppress(BlockingIOError):
        while True:
            numbers.append(int.from_bytes(rtp.recv(2000)[2:4], "big"))
    assert numbers == [(first + index) & 0xFFFF for index in range(len(numbers))] and len(numbers) > 10
    status, text = phone.ask("BYE", "music", to_tag=tag, call_id="a-call")
    while status == 0:  # The new switch has asked whether the phone still knows the call.
        assert text.startswith("OPTIONS ")
        status, text = phone.receive()
    assert status == 200
    assert own_switch.command("calls") == []
    own_switch.signal(signal.SIGTERM)
    assert own_switch.wait() == 0
    assert select.select([watcher], [], [], 30)[0], "the worker has outlived a switch that was stopped"
    os.close(watcher)
    rtp.close()
    phone.close()


def test_kill_9_without_calls_leaves_no_process(own_switch: Running) -> None:
    (worker,) = own_switch.command("status")["workers"]
    watcher = os.pidfd_open(worker["pid"])
    own_switch.kill()
    assert select.select([watcher], [], [], 30)[0]
    os.close(watcher)


def test_media_that_must_not_survive_does_not(tmp_path: Path) -> None:
    switch = Running(tmp_path, settings={"SOFTSWITCH_MEDIA_SURVIVE": "0"})
    switch.start()
    try:
        phone = Phone(switch, 0)
        tag = phone.call("music")
        (worker,) = switch.command("status")["workers"]
        watcher = os.pidfd_open(worker["pid"])
        flushed(switch)
        switch.kill()
        assert select.select([watcher], [], [], 30)[0]
        os.close(watcher)
        switch.start()
        assert switch.command("calls") == []
        assert phone.ask("BYE", "music", to_tag=tag, call_id="a-call")[0] == 481
        phone.close()
    finally:
        switch.close()
