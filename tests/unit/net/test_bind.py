from __future__ import annotations

import contextlib
import errno
import os
import socket

import pytest

from softswitch.net import bind
from softswitch.net.bind import ListenError, explain, open_tcp, open_udp, port_owner


def test_a_busy_udp_port_names_the_program_that_has_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(
            ListenError, match=rf"127\.0\.0\.1:{port} \(UDP\) is already in use by .*{os.getpid()}"
        ) as e:
            open_udp("127.0.0.1", port, receive_buffer=65_536)
    assert str(port) in e.value.hint and "another port" in e.value.hint


def test_a_busy_tcp_port_names_the_program_that_has_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"\(TCP\) is already in use by .*{os.getpid()}"):
            open_tcp("127.0.0.1", port)
        assert str(os.getpid()) in port_owner(port, "tcp")


def test_an_address_of_another_machine_lists_ours() -> None:
    with pytest.raises(ListenError, match=r"no address 192\.0\.2\.77") as error:
        open_udp("192.0.2.77", 0, receive_buffer=65_536)
    assert "127.0.0.1" in error.value.hint and "0.0.0.0" in error.value.hint


def test_a_low_port_without_privilege_says_which_ports_are_free_to_use() -> None:
    error = explain(PermissionError(errno.EACCES, "Permission denied"), "0.0.0.0", 80, "tcp", key="http.listen")
    assert "below 1024" in str(error)
    assert "5060" in error.hint and "http.listen" in error.hint and "ip_unprivileged_port_start=80" in error.hint


def test_a_machine_without_ipv6_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no IPv6" in str(explain(OSError(errno.EAFNOSUPPORT, "Address family not supported"), "::", 5060, "udp"))
    monkeypatch.setattr(bind, "has_ipv6", lambda: False)
    error = explain(OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), "::1", 5060, "udp")
    assert "no IPv6" in str(error) and "0.0.0.0:5060" in error.hint


def test_too_many_files_says_which_limit() -> None:
    error = explain(OSError(errno.EMFILE, "Too many open files"), "0.0.0.0", 5060, "tcp")
    assert "ulimit -n" in error.hint


def test_ipv4_and_ipv6_share_a_port() -> None:
    assert bind.has_ipv6(), "this test needs IPv6 on the loopback interface"
    # A port that another program happens to have for IPv4 says nothing: there are some.
    with contextlib.ExitStack() as stack:
        sixes = [stack.enter_context(open_udp("::", 0, receive_buffer=65_536)) for _ in range(10)]
        shared = 0
        for six in sixes:
            with contextlib.suppress(bind.ListenError):
                open_udp("0.0.0.0", six.getsockname()[1], receive_buffer=65_536).close()
                shared += 1
        assert shared >= 5


def test_a_long_datagram_may_be_fragmented_on_its_way() -> None:
    """Not "don't fragment": a request longer than the path's MTU reaches a phone all the same."""
    with bind.open_udp("127.0.0.1", 0, receive_buffer=4096) as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, bind.MTU_DISCOVER) == bind.PMTUDISC_DONT


def test_the_address_that_leads_to_a_peer() -> None:
    assert bind.own_address_to("127.0.0.1") == "127.0.0.1"
    assert "127.0.0.1" in bind.own_addresses()
