"""What the machine does to a switch (section 6 of the reliability rules): stopped, out of files, given a broken site."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sqlite3

import pytest

from .running import Phone, Running

STOPPED = 3.0  # seconds


def test_a_switch_that_was_stopped_for_a_while_goes_on(own_switch: Running) -> None:
    """SIGSTOP: a suspended virtual machine, a debugger. The call, its media process and the registrations are still there."""
    phone, other = Phone(own_switch, 0), Phone(own_switch, 1)
    assert other.register() == 200
    tag = phone.call("music")
    own_switch.signal(signal.SIGSTOP)
    other.socket.settimeout(STOPPED)
    other.send("OPTIONS", "alive")
    with pytest.raises(TimeoutError):
        other.receive()
    own_switch.signal(signal.SIGCONT)
    other.socket.settimeout(30.0)
    assert other.receive()[0] in (200, 503)
    assert len(own_switch.command("calls")) == 1
    assert phone.ask("BYE", "music", to_tag=tag, call_id="a-call")[0] == 200
    assert own_switch.command("status")["registrations"] == 1
    phone.close()
    other.close()


def test_out_of_files(own_switch: Running) -> None:
    """Connections are refused, datagrams are answered, and when there are files again so are connections."""
    assert own_switch.process is not None
    pid = own_switch.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, hard))
    held = []
    for _ in range(40):
        stream = socket.create_connection(("127.0.0.1", own_switch.port))
        stream.settimeout(10.0)
        held.append(stream)
    phone = Phone(own_switch, 0)
    for _ in range(20):
        assert phone.ask("OPTIONS", "alive")[0] in (200, 503)
    assert phone.register() == 200
    for stream in held:
        stream.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    again = Phone(own_switch, 1, "tcp")
    assert again.register() == 200
    assert len(os.listdir(f"/proc/{pid}/fd")) <= used + 12
    phone.close()
    again.close()


def test_a_broken_site_leaves_the_old_one_in_force(own_switch: Running) -> None:
    database = own_switch.directory / "lab" / "softswitch.sqlite"
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("UPDATE site_objects SET body = '{broken'")
    own_switch.signal(signal.SIGHUP)
    own_switch.told("RELOADING=1")
    own_switch.told("READY=1")
    phone = Phone(own_switch, 0)
    assert phone.register() == 200
    phone.call("echo")
    assert "reload failed" in own_switch.log()
    phone.close()
