"""io_uring from Python: the system calls by ctypes, the rings as memory that numpy and memoryviews look at.

Needs Linux 6.1 (DEFER_TASKRUN). Newer abilities are found out by trying and used where they are: a submission ring without its
index array (6.6), an absolute timer for the wait (6.12), waiting that does not count as I/O wait (6.15). The numbers of the
three calls are the same on every architecture that Linux has had since.

**Order of memory accesses.** The rings are made for two processors that read and write at the same time, each with barriers
that Python does not have. Here they are never used so: with SINGLE_ISSUER and DEFER_TASKRUN the kernel takes requests, hands
out buffers and posts completions only in the context of the one thread that made the ring, while that thread is inside
`enter`. Going into the kernel and coming back is done by one and the same thread, whose accesses to memory are in program order
as it sees them itself, on x86-64 and on ARM64 alike; should the scheduler have moved it to another processor in between, it
orders memory for it. So plain loads and stores are enough, whatever numpy compiles them to. The wake-ups that interrupts
cause meanwhile only note in the kernel that there is something to do in the next `enter`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SETUP, ENTER, REGISTER = 425, 426, 427

# io_uring_setup: flags
CQSIZE, CLAMP, SUBMIT_ALL = 1 << 3, 1 << 4, 1 << 7
SINGLE_ISSUER, DEFER_TASKRUN, NO_SQARRAY = 1 << 12, 1 << 13, 1 << 16
NEEDED = CQSIZE | CLAMP | SUBMIT_ALL | SINGLE_ISSUER | DEFER_TASKRUN
FEATURE_NO_IOWAIT = 1 << 17
SQES_OFFSET = 0x10000000  # of the submission entries, for mmap

# io_uring_enter: flags
GETEVENTS, EXT_ARG, ABS_TIMER, NO_IOWAIT = 1 << 0, 1 << 3, 1 << 5, 1 << 7

# io_uring_register: what
REGISTER_FILES, UNREGISTER_FILES, REGISTER_BUFFER_RING, SYNC_CANCEL = 2, 3, 22, 24

# Requests, and what they say
POLL_ADD, ASYNC_CANCEL, SEND, RECEIVE = 6, 14, 26, 27
FIXED_FILE, BUFFER_SELECT, SKIP_SUCCESS = 1 << 0, 1 << 5, 1 << 6
MULTISHOT = 2  # in `ioprio` of a receive
CANCEL_ALL, CANCEL_ANY = 1 << 0, 1 << 2

# Completions
HAS_BUFFER, MORE = 1 << 0, 1 << 1
BUFFER_SHIFT = 16

SQE = np.dtype(
    [
        ("opcode", "u1"), ("flags", "u1"), ("ioprio", "u2"), ("fd", "i4"), ("off", "u8"), ("addr", "u8"), ("len", "u4"),
        ("op_flags", "u4"), ("user", "u8"), ("buf_group", "u2"), ("personality", "u2"), ("file_index", "i4"), ("addr3", "u8"),
        ("pad", "u8"),
    ]
)  # fmt: skip
CQE_SIZE = 16
USER, MARK, RESULT, FLAGS = range(4)  # its words: user data (low, high), result (to be read as signed), flags
BUFFER = np.dtype([("addr", "u8"), ("len", "u4"), ("id", "u2"), ("tail", "u2")])
assert (SQE.itemsize, BUFFER.itemsize) == (64, 16)

_FIELDS = ("sq_entries", "cq_entries", "flags", "sq_thread_cpu", "sq_thread_idle", "features", "wq_fd", "r0", "r1", "r2",
           "sq_head", "sq_tail", "sq_mask", "sq_size", "sq_flags", "sq_dropped", "sq_array", "r3", "sq_user_low", "sq_user_high",
           "cq_head", "cq_tail", "cq_mask", "cq_size", "cq_overflow", "cq_cqes", "cq_flags", "r4", "cq_user_low",
           "cq_user_high")  # fmt: skip
_TAIL_OF_BUFFERS = 14  # octets from the start of a buffer ring

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = ctypes.CFUNCTYPE(
    ctypes.c_long, ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p,
    ctypes.c_size_t, use_errno=True,
)(("syscall", _libc))  # fmt: skip


class Unavailable(OSError):
    """The kernel does not let us have a ring; the text says why and what to do about it."""


def _call(number: int, *arguments: int) -> int:
    result: int = _syscall(number, *arguments, *([0] * (6 - len(arguments))))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def explain(error: OSError) -> str:
    """Why there is no ring, and what to do about it."""
    if error.errno in (errno.EPERM, errno.EACCES):
        disabled = _setting("/proc/sys/kernel/io_uring_disabled")
        if disabled == "2":
            return "io_uring is switched off on this machine: sysctl kernel.io_uring_disabled=0 permits it"
        if disabled == "1":
            return (
                "io_uring is for the privileged here: sysctl kernel.io_uring_disabled=0 permits it, or "
                "kernel.io_uring_group names a group that may use it"
            )
        return (
            "a system call filter forbids io_uring, as containers have by default: start the container with a seccomp "
            "profile that allows io_uring_setup, io_uring_enter and io_uring_register"
        )
    if error.errno == errno.ENOSYS:
        return "this kernel has no io_uring: Linux 6.1 or newer has it, unless it was built without"
    if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
        return f"this kernel's io_uring is too old: it takes Linux 6.1 or newer, this is {os.uname().release}"
    if error.errno == errno.ENOMEM:
        return "not enough memory may be locked for io_uring: raise it (LimitMEMLOCK= in systemd, ulimit -l in a shell)"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open for io_uring: raise the limit (LimitNOFILE= in systemd, ulimit -n in a shell)"
    return f"io_uring does not work here: {error.strerror} (errno {error.errno})"


def _setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


class Ring:
    """One pair of rings, for the thread that makes it. Raises Unavailable.

    `entries` requests may wait to be submitted, `completions` to be read: powers of two, cut down if
    the kernel finds them too many.
    """

    def __init__(self, entries: int, completions: int) -> None:
        if not sys.platform.startswith("linux"):
            raise Unavailable(errno.ENOSYS, "io_uring is a Linux thing")
        try:
            self._open(entries, completions)
        except Unavailable:
            raise
        except OSError as error:
            raise Unavailable(error.errno or 0, explain(error)) from None

    def _open(self, entries: int, completions: int) -> None:
        self.descriptor = -1
        parameters = np.zeros(len(_FIELDS), np.uint32)
        for flags in (NEEDED | NO_SQARRAY, NEEDED):
            parameters[:] = 0
            parameters[1], parameters[2] = completions, flags
            try:
                self.descriptor = _call(SETUP, entries, parameters.ctypes.data)
                break
            except OSError as error:
                if error.errno != errno.EINVAL or flags == NEEDED:
                    raise
        os.set_inheritable(self.descriptor, False)
        try:
            self._map(dict(zip(_FIELDS, parameters.tolist(), strict=True)))
        except BaseException:
            os.close(self.descriptor)
            raise

    def _map(self, at: dict[str, int]) -> None:
        self.entries, self.mask = at["sq_entries"], at["sq_entries"] - 1
        self.capacity = at["cq_entries"]  # of the ring of completions
        self._last = self.capacity - 1
        size = max(at["cq_cqes"] + self.capacity * CQE_SIZE, at["sq_array"] + 4 * self.entries)
        shared = mmap.MAP_SHARED | mmap.MAP_POPULATE
        self._rings = mmap.mmap(self.descriptor, size, shared)
        self._entries = mmap.mmap(self.descriptor, self.entries * SQE.itemsize, shared, offset=SQES_OFFSET)
        self.requests: NDArray[Any] = np.frombuffer(self._entries, SQE)
        done = np.frombuffer(self._rings, np.uint32, 4 * self.capacity, at["cq_cqes"])
        self._done: NDArray[np.uint32] = done.reshape(-1, 4)
        if not at["flags"] & NO_SQARRAY:
            array = np.frombuffer(self._rings, np.uint32, self.entries, at["sq_array"])
            array[:] = np.arange(self.entries)
        words = memoryview(self._rings)
        self._sq_head, self._sq_tail, self._cq_head, self._cq_tail, self.overflow = (
            words[at[name] : at[name] + 4].cast("I")
            for name in ("sq_head", "sq_tail", "cq_head", "cq_tail", "cq_overflow")
        )
        self._tail, self._head = self._sq_tail[0], self._cq_head[0]
        self._seen = self._head
        # struct io_uring_getevents_arg, and the struct __kernel_timespec that it points to.
        self._argument = np.zeros(5, np.uint64)
        self._argument[2] = self._argument.ctypes.data + 24
        self._argument_at = self._argument.ctypes.data
        self._until = self._argument[3:].view(np.int64).data
        self._wait_flags = GETEVENTS | EXT_ARG | (NO_IOWAIT if at["features"] & FEATURE_NO_IOWAIT else 0)
        self.absolute = self._try_absolute_timer()

    def _try_absolute_timer(self) -> bool:
        """Whether the wait may end at a point in time, so that ticks do not drift by what comes between them."""
        result = _syscall(ENTER, self.descriptor, 0, 1, self._wait_flags | ABS_TIMER, self._argument_at, 24)
        if result < 0 and ctypes.get_errno() != errno.ETIME:
            return False
        self._wait_flags |= ABS_TIMER
        return True

    def close(self) -> None:
        """Cancel what is under way and let go of the files, so that their ports are free when this returns."""
        if self.descriptor < 0:
            return
        cancel = np.zeros(8, np.uint64)  # struct io_uring_sync_cancel_reg
        cancel[1] = 0xFFFFFFFF | (CANCEL_ALL | CANCEL_ANY) << 32  # fd -1, flags
        cancel[2:4] = 0xFFFFFFFFFFFFFFFF  # no timeout
        for what, argument, count in ((SYNC_CANCEL, cancel.ctypes.data, 1), (UNREGISTER_FILES, 0, 0)):
            with contextlib.suppress(OSError):  # Nothing was under way, or there were no files.
                _call(REGISTER, self.descriptor, what, argument, count)
                # What is cancelled lets go of its file here. Our maps keep the ring itself until they are collected.
                self.enter(self.capacity, 0.0, 0.0)
        os.close(self.descriptor)
        self.descriptor = -1

    # --- requests ----------------------------------------------------------------------------------------------------

    def register_files(self, descriptors: Sequence[int]) -> None:
        """Requests with FIXED_FILE name files by their place in this list. Raises Unavailable."""
        files = np.array(descriptors, np.int32)
        try:
            _call(REGISTER, self.descriptor, REGISTER_FILES, files.ctypes.data, len(files))
        except OSError as error:
            raise Unavailable(error.errno or 0, explain(error)) from None

    @property
    def waiting(self) -> int:
        """Requests that are not submitted yet."""
        return self._tail - self._sq_head[0] & 0xFFFFFFFF

    def room(self, wanted: int) -> tuple[int, int]:
        """The next slots for requests, `start` to `stop`: as many as wanted, or as there are in one piece."""
        start = self._tail & self.mask
        return start, min(start + wanted, self.entries, start + self.entries - self.waiting)

    def advance(self, count: int) -> None:
        """That many slots were filled in."""
        self._tail = self._tail + count & 0xFFFFFFFF
        self._sq_tail[0] = self._tail

    def submit(self) -> None:
        """Hand over what waits. OSError if the kernel does not take it."""
        while waiting := self.waiting:
            done: int = _syscall(ENTER, self.descriptor, waiting, 0, 0, None, 0)
            if done < 0 and (code := ctypes.get_errno()) not in (errno.EINTR, errno.EAGAIN):
                raise OSError(code, os.strerror(code))

    def enter(self, wait: int, until: float, now: float) -> None:
        """Hand over what waits, then wait for `wait` completions, but only `until` a moment (monotonic seconds)."""
        nanoseconds = int((until if self.absolute else max(until - now, 0.0)) * 1e9)
        self._until[0], self._until[1] = divmod(nanoseconds, 1_000_000_000)
        done = _syscall(ENTER, self.descriptor, self.waiting, wait, self._wait_flags, self._argument_at, 24)
        if done < 0 and (code := ctypes.get_errno()) not in (errno.ETIME, errno.EINTR, errno.EAGAIN, errno.EBUSY):
            raise OSError(code, os.strerror(code))

    # --- completions -------------------------------------------------------------------------------------------------

    def completions(self) -> NDArray[np.uint32] | None:
        """All completions there are, one per row: columns USER, MARK, RESULT, FLAGS. Valid until `release`."""
        tail, head = self._cq_tail[0], self._head
        count = tail - head & 0xFFFFFFFF
        if not count:
            return None
        self._seen = tail
        start = head & self._last
        if start + count <= self.capacity:
            return self._done[start : start + count]
        wrapped: NDArray[np.uint32] = self._done[np.arange(start, start + count) & self._last]
        return wrapped

    def release(self) -> None:
        """What `completions` gave last is read."""
        self._cq_head[0] = self._head = self._seen


class BufferRing:
    """Lends the rows of a matrix to the kernel, which fills them one after the other, whatever leg they are for.

    While rows come back in the order in which they were lent, entry n of the ring is row n for ever, and giving back is one
    store. Should a kernel ever take them in another order, the entries are written anew from then on.
    """

    def __init__(self, ring: Ring, group: int, octets: NDArray[np.uint8]) -> None:
        """`octets`: a power of two of rows, at most 32,768. Raises Unavailable."""
        rows, width = octets.shape
        self._octets = octets
        self._mask = rows - 1
        self._memory = mmap.mmap(-1, max(rows * BUFFER.itemsize, mmap.PAGESIZE))
        self._entries: NDArray[Any] = np.frombuffer(self._memory, BUFFER, rows)
        self.addresses: NDArray[np.uint64] = octets.ctypes.data + octets.strides[0] * np.arange(rows, dtype=np.uint64)
        self._entries["addr"], self._entries["len"], self._entries["id"] = self.addresses, width, np.arange(rows)
        registration = np.array([self._entries.ctypes.data, rows | group << 32, 0, 0, 0], np.uint64)
        try:
            _call(REGISTER, ring.descriptor, REGISTER_BUFFER_RING, registration.ctypes.data, 1)
        except OSError as error:
            raise Unavailable(error.errno or 0, explain(error)) from None
        self._tail_word = memoryview(self._memory)[_TAIL_OF_BUFFERS : _TAIL_OF_BUFFERS + 2].cast("H")
        self._tail = self._tail_word[0] = rows & 0xFFFF
        self.in_order = True

    def give(self, first: int, count: int) -> None:
        """Lend these rows again, which were filled one after the other (round the end)."""
        if not self.in_order or first != self._tail & self._mask:
            self.give_rows(np.arange(first, first + count) & self._mask)
            return
        self._tail = self._tail_word[0] = self._tail + count & 0xFFFF

    def give_rows(self, rows: NDArray[np.int64]) -> None:
        """Lend these rows again, in whatever order they were filled."""
        places = self._tail + np.arange(len(rows)) & self._mask
        if not self.in_order or (places != rows).any():
            self.in_order = False
            self._entries["addr"][places] = self.addresses[rows]
            self._entries["id"][places] = rows
        self._tail = self._tail_word[0] = self._tail + len(rows) & 0xFFFF


def prove() -> None:
    """Send and receive one packet through a ring of every kind of request that a relay makes. Raises Unavailable."""
    ring = Ring(8, 16)
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        ring.register_files([first.fileno(), second.fileno()])
        octets = np.zeros((4, 64), np.uint8)
        buffers = BufferRing(ring, 0, octets)
        requests = ring.requests
        requests[0] = (RECEIVE, FIXED_FILE | BUFFER_SELECT, MULTISHOT, 1, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0)
        requests[1] = (
            SEND,
            FIXED_FILE | SKIP_SUCCESS,
            0,
            0,
            0,
            buffers.addresses[3],
            5,
            socket.MSG_DONTWAIT,
            8,
            0,
            0,
            0,
            0,
            0,
        )
        ring.advance(2)
        octets[3, :5] = tuple(b"proof")
        ring.enter(1, 0.0, 0.0)
        done = ring.completions()
        expected = [[7, 0, 5, HAS_BUFFER | MORE]]
        if done is None or done.tolist() != expected or bytes(octets[0, :5]) != b"proof":
            code = errno.EINVAL if done is None else -min(int(done[0, RESULT].astype(np.int32)), 0) or errno.EINVAL
            raise Unavailable(code, explain(OSError(code, os.strerror(code))))
    finally:
        ring.close()
        first.close()
        second.close()
