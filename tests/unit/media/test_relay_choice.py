"""Which relay runs, and what is said where io_uring is forbidden. The system forbids it in a process of its own."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from media.relay.iouring import explain

# Refuses io_uring_setup with an error, as the profile of a container does.
FORBID = """
import ctypes, struct, sys
def forbid(code):
    libc = ctypes.CDLL(None, use_errno=True)
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050000 | code), (0x06, 0, 0, 0x7FFF0000)]
    program = b"".join(struct.pack("HBBI", *line) for line in lines)
    room = ctypes.create_string_buffer(program)
    filter = ctypes.create_string_buffer(struct.pack("H6xP", len(lines), ctypes.addressof(room)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, filter) == 0, ctypes.get_errno()  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
"""
CHOOSE = """
import json
from media.legs import Legs
from media.ports import PortPool
from media.relay import RelayError, _in_user_space
from tests.unit.media.rig import free_ports
answers = {}
for name in ("auto", "uring", "epoll"):
    try:
        relay, why = _in_user_space(name, PortPool(("127.0.0.1",), free_ports(2), 2), Legs(2))
        answers[name] = [relay.name, why]
    except RelayError as error:
        answers[name] = ["", str(error)]
print(json.dumps(answers))
"""


def chosen(code: int) -> dict[str, list[str]]:
    program = f"{FORBID}\nforbid({code})\n{CHOOSE}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    answers: dict[str, list[str]] = json.loads(ended.stdout)
    return answers


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has io_uring, and filters for it")
@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.EPERM, "a system call filter forbids io_uring"), (errno.ENOSYS, "this kernel has no io_uring"),
     (errno.ENOMEM, "memory"), (errno.EMFILE, "too many files"), (errno.EINVAL, os.uname().release)],
)  # fmt: skip
def test_where_io_uring_is_forbidden(code: int, words: str) -> None:
    answers = chosen(code)
    name, why = answers["auto"]
    assert name == "epoll" and why.startswith("epoll: ") and words in why
    name, why = answers["uring"]
    assert (
        name == "" and why.startswith("the relay uring does not run here: ") and words in why and "media.relay" in why
    )
    assert answers["epoll"] == ["epoll", "epoll: asked for"]


@pytest.mark.parametrize(("setting", "words"), [("2", "kernel.io_uring_disabled=0"), ("1", "kernel.io_uring_group")])
def test_the_settings_of_the_kernel_are_named(setting: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.relay.iouring._setting", lambda path: setting)
    assert words in explain(OSError(errno.EPERM, "Operation not permitted"))


def test_an_error_that_nobody_thought_of_is_told_as_it_is() -> None:
    assert (
        explain(OSError(errno.EIO, os.strerror(errno.EIO)))
        == "io_uring does not work here: Input/output error (errno 5)"
    )
