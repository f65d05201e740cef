"""What it takes to put a program into the Linux kernel from Python: an assembler for its virtual machine, and bpf(2).

An instruction is eight octets (RFC 9669 section 3), little-endian on the machines that we know:

    +--------+----+----+-----------------+-----------------------------------+
    | opcode |src |dst | offset (16 bit) | immediate (32 bit)                |
    +--------+----+----+-----------------+-----------------------------------+

The kernel checks a program before it takes it (the verifier); what it did not like stands at the end of the log that
`BpfError` carries.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from struct import Struct
from typing import Any, NewType

import numpy as np
from numpy.typing import NDArray

SYSTEM_CALLS = {"x86_64": 321, "aarch64": 280}  # the number of bpf(2)


class BpfError(OSError):
    """The kernel refused; the text says what, and the verifier's reason if there is one."""


# --- the assembler ----------------------------------------------------------------------------------------------------

Register = NewType("Register", str)
R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FRAME = _REGISTERS = [Register(f"r{number}") for number in range(11)]
_NUMBER = {name: number for number, name in enumerate(_REGISTERS)}

BYTE, HALF, WORD, DOUBLE = 0x10, 0x08, 0x00, 0x18  # sizes in memory: 1, 2, 4, 8 octets
_ARITHMETIC = {"add": 0x00, "sub": 0x10, "mul": 0x20, "div": 0x30, "or": 0x40, "and": 0x50, "lsh": 0x60, "rsh": 0x70, "mod": 0x90,
               "xor": 0xA0, "mov": 0xB0, "arsh": 0xC0}  # fmt: skip
_COMPARISON = {"==": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40, "!=": 0x50, "s>": 0x60, "s>=": 0x70, "<": 0xA0, "<=": 0xB0,
               "s<": 0xC0, "s<=": 0xD0}  # fmt: skip
_INSTRUCTION = Struct("<BBhi")
_MAP_DESCRIPTOR = 1  # pseudo source register of a 64-bit load: the immediate is a map


class Assembler:
    """Collects instructions. Targets of jumps are names, which may be defined later. All arithmetic is 64 bits wide."""

    def __init__(self) -> None:
        self.code: list[list[int]] = []
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def _emit(self, opcode: int, target: Register, source: Register = R0, offset: int = 0, immediate: int = 0) -> None:
        self.code.append([opcode, _NUMBER[target] | _NUMBER[source] << 4, offset, immediate])

    def label(self, name: str) -> None:
        """Jumps to this name come here."""
        assert name not in self._labels, f"label {name} is defined twice"
        self._labels[name] = len(self.code)

    def do(self, operation: str, target: Register, value: Register | int) -> None:
        """target = target OPERATION value: add sub mul div or and lsh rsh mod xor mov arsh. Numbers are 32 bits, with sign."""
        if isinstance(value, int):
            self._emit(0x07 | _ARITHMETIC[operation], target, immediate=value)
        else:
            self._emit(0x0F | _ARITHMETIC[operation], target, value)

    def mov(self, target: Register, value: Register | int) -> None:
        self.do("mov", target, value)

    def negate(self, target: Register) -> None:
        self._emit(0x87, target)

    def swap(self, target: Register, bits: int) -> None:
        """From network to host order or back, 16 or 32 bits of it; the rest becomes zero."""
        self._emit(0xDC, target, immediate=bits)

    def load(self, size: int, target: Register, base: Register, offset: int) -> None:
        self._emit(0x61 | size, target, base, offset)

    def store(self, size: int, base: Register, offset: int, value: Register | int) -> None:
        if isinstance(value, int):
            self._emit(0x62 | size, base, offset=offset, immediate=value)
        else:
            self._emit(0x63 | size, base, value, offset)

    def jump(self, label: str) -> None:
        self._jumps.append((len(self.code), label))
        self._emit(0x05, R0)

    def when(self, left: Register, comparison: str, right: Register | int, label: str) -> None:
        """Jump if LEFT COMPARISON RIGHT: == != > >= < <= without sign, s> s>= s< s<= with sign, & for common bits."""
        self._jumps.append((len(self.code), label))
        if isinstance(right, int):
            self._emit(0x05 | _COMPARISON[comparison], left, immediate=right)
        else:
            self._emit(0x0D | _COMPARISON[comparison], left, right)

    def load_map(self, target: Register, descriptor: int) -> None:
        """The map itself, as an argument of a helper. Takes two instructions."""
        self.code.append([0x18, _NUMBER[target] | _MAP_DESCRIPTOR << 4, 0, descriptor])
        self.code.append([0, 0, 0, 0])

    def call(self, helper: int) -> None:
        """Arguments are in R1 to R5, which are lost; the result is in R0."""
        self._emit(0x85, R0, immediate=helper)

    def exit(self) -> None:
        self._emit(0x95, R0)

    def assemble(self) -> bytes:
        for position, label in self._jumps:
            self.code[position][2] = self._labels[label] - position - 1
        return b"".join(
            _INSTRUCTION.pack(opcode, registers, offset, ctypes.c_int32(immediate).value)
            for opcode, registers, offset, immediate in self.code
        )


# --- bpf(2) -----------------------------------------------------------------------------------------------------------

_MAP_CREATE, _MAP_UPDATE, _PROGRAM_LOAD, _TEST_RUN, _BTF_LOAD, _LINK_CREATE = 0, 2, 5, 10, 18, 28
ARRAY, RING_BUFFER = 2, 27  # map types
MMAPABLE = 1 << 10
UNDER_LOCK = 4  # update a value while holding the spin lock in it
SCHED_CLS = 3  # program type: a classifier of traffic control
TCX_INGRESS = 46
_LOG_SIZE = 1 << 20
_LOG_SHOWN = 4000

_MAP = Struct("<7I16s4I")
_UPDATE = Struct("<IIQQQ")
_PROGRAM = Struct("<IIQQIIQII16sII")
_LINK = Struct("<IIIIIIQ")
_TEST = Struct("<IIIIQQIIIIQQIII")
_BTF = Struct("<QQIII")

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: Any, size: int) -> int:
    number = SYSTEM_CALLS.get(os.uname().machine)
    if number is None or sys.byteorder != "little":
        raise BpfError(38, f"bpf is not supported here on {os.uname().machine}")
    result: int = _libc.syscall(number, command, attributes, size)
    if result < 0:
        error = ctypes.get_errno()
        raise BpfError(error, os.strerror(error))
    return result


def _call(command: int, packed: bytes) -> int:
    return _bpf(command, ctypes.create_string_buffer(packed, len(packed)), len(packed))


def create_map(
    kind: int, value_size: int, entries: int, flags: int = 0, name: str = "", btf: int = 0, value: int = 0
) -> int:
    """A map's descriptor. `btf`, `value`: type information and the type of the values, where they hold a lock."""
    key_size = 4 if kind == ARRAY else 0
    packed = _MAP.pack(
        kind, key_size, value_size, entries, flags, 0, 0, name.encode()[:15], 0, btf, BTF_KEY if btf else 0, value
    )
    return _call(_MAP_CREATE, packed)


def load_program(code: bytes, name: str) -> int:
    """A program's descriptor. BpfError says what the verifier said."""
    instructions = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"GPL")  # The helpers that we call are for such programs only.
    packed = [SCHED_CLS, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(licence)]
    tail = [0, 0, name.encode()[:15], 0, 0]
    try:
        return _call(_PROGRAM_LOAD, _PROGRAM.pack(*packed, 0, 0, 0, *tail))
    except BpfError as error:
        log = ctypes.create_string_buffer(_LOG_SIZE)
        try:
            return _call(_PROGRAM_LOAD, _PROGRAM.pack(*packed, 1, _LOG_SIZE, ctypes.addressof(log), *tail))
        except BpfError:
            said = log.value.decode("ascii", "replace")[-_LOG_SHOWN:]
            raise BpfError(
                error.errno, f"{error.strerror}; the verifier said:\n{said}" if said else error.strerror
            ) from None


def attach_tcx(program: int, interface: int) -> int:
    """Let the program see what arrives on an interface, until the descriptor that this returns is closed."""
    return _call(_LINK_CREATE, _LINK.pack(program, interface, TCX_INGRESS, 0, 0, 0, 0))


def test_run(program: int, packet: bytes, interface: int = 1) -> tuple[int, bytes]:
    """Run a program on one Ethernet frame, as if it had come from an interface. Its result, and the frame afterwards."""
    data = ctypes.create_string_buffer(packet, len(packet))
    room = ctypes.create_string_buffer(len(packet) + 256)
    context = bytearray(192)  # struct __sk_buff
    context[40:44] = context[36:40] = interface.to_bytes(4, "little")
    given = ctypes.create_string_buffer(bytes(context), len(context))
    attributes = ctypes.create_string_buffer(
        _TEST.pack(program, 0, len(packet), len(room), ctypes.addressof(data), ctypes.addressof(room), 1, 0, len(given), 0,
                   ctypes.addressof(given), 0, 0, 0, 0), _TEST.size)  # fmt: skip
    _bpf(_TEST_RUN, attributes, _TEST.size)
    _, result, _, size, *_ = _TEST.unpack(attributes.raw)
    return ctypes.c_int32(result).value, room.raw[:size]


# --- types: a map whose values hold a spin lock must say where -----------------------------------------------------------

BTF_KEY = 1
_BTF_VALUE = 3
_BTF_INT, _BTF_STRUCT = 1 << 24, 4 << 24
_BTF_MAGIC = 0xEB9F


def describe_locked(words: tuple[str, ...]) -> tuple[int, int, int]:
    """Types of an array whose values are `struct { struct bpf_spin_lock lock; unsigned words...; }`.

    Returns the descriptor, the number of the value's type and its size in octets.
    """
    strings = b"\0"
    places: dict[str, int] = {}
    for name in ("unsigned", "bpf_spin_lock", "val", "value", "lock", *words):
        places[name] = len(strings)
        strings += name.encode() + b"\0"
    word = Struct("<IIII").pack(places["unsigned"], _BTF_INT, 4, 32)
    member = Struct("<III")
    head = Struct("<III")
    lock = head.pack(places["bpf_spin_lock"], _BTF_STRUCT | 1, 4) + member.pack(places["val"], BTF_KEY, 0)
    size = 4 + 4 * len(words)
    value = head.pack(places["value"], _BTF_STRUCT | 1 + len(words), size) + member.pack(places["lock"], 2, 0)
    for index, name in enumerate(words):
        value += member.pack(places[name], BTF_KEY, 32 * (1 + index))
    types = word + lock + value
    header = Struct("<HBBIIIII").pack(_BTF_MAGIC, 1, 0, 24, 0, len(types), len(types), len(strings))
    blob = ctypes.create_string_buffer(header + types + strings, 24 + len(types) + len(strings))
    return _call(_BTF_LOAD, _BTF.pack(ctypes.addressof(blob), 0, len(blob), 0, 0)), _BTF_VALUE, size


class LockedArray:
    """An array whose values begin with a spin lock, written from here while holding it.

    Whatever a program did under the lock before is done, and seen by us, when `write` returns; whatever it does under
    the lock later sees what we wrote before: that is all that is needed on machines which reorder memory accesses, too.
    """

    def __init__(self, entries: int, words: tuple[str, ...], name: str) -> None:
        btf, value, self.size = describe_locked(words)
        try:
            self.descriptor = create_map(ARRAY, self.size, entries, 0, name, btf, value)
        finally:
            os.close(btf)
        self._key = (ctypes.c_uint32 * 1)()
        self._value = (ctypes.c_uint32 * (self.size // 4))()
        packed = _UPDATE.pack(
            self.descriptor, 0, ctypes.addressof(self._key), ctypes.addressof(self._value), UNDER_LOCK
        )
        self._attributes = ctypes.create_string_buffer(packed, len(packed))

    def write(self, index: int, *words: int) -> None:
        """Set all words behind the lock."""
        self._key[0] = index
        self._value[1:] = list(words)
        _bpf(_MAP_UPDATE, self._attributes, _UPDATE.size)

    def close(self) -> None:
        os.close(self.descriptor)


class SharedArray:
    """An array that program and process see at the same time: `rows` of `dtype`, each of which begins at a multiple of eight."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, name: str) -> None:
        self.dtype = np.dtype(dtype)
        row = self.dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        self.stride = -(-row // 8) * 8
        self.descriptor = create_map(ARRAY, row, shape[0], MMAPABLE, name)
        size = -(-shape[0] * self.stride // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(self.descriptor, size, flags=mmap.MAP_SHARED)
        strides = (self.stride, *np.zeros(shape[1:], self.dtype).strides)
        self.rows: NDArray[Any] = np.ndarray(shape, self.dtype, memory, 0, strides)

    def close(self) -> None:
        """The memory stays until nobody refers to it."""
        os.close(self.descriptor)
