"""Objects as JSON values and back, for what a machine must know after a restart. Computes only.

An object is packed by its fields or slots, whatever they are; those with their default are left out. What was packed by
another version is read as far as it goes: fields that are not known any more are ignored, new ones have their defaults.
Tuples, sets, octets, enumerations and objects come back as what they were; lists come back as tuples.

Nothing is imported or called by name: a class must have been loaded, and be one of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from operator import attrgetter
from typing import Any, Final, TypeVar

CLASS: Final = "$"  # an object: its class
SET: Final = "$set"
BYTES: Final = "$bytes"
OURS: Final = ("softswitch.", "media.")

T = TypeVar("T")

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
Shape = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[Any, ...], str]
_shapes: dict[tuple[type, frozenset[str]], Shape] = {}
_NOTHING: Final = object()
NONE: Final[frozenset[str]] = frozenset()


class PackingError(ValueError):
    """A value of a kind that cannot be packed, or packed data that is not what it should be."""


def pack(value: Any) -> Any:
    """A JSON value. Raises PackingError for what is neither plain nor one of our objects."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return [one if type(one) in _PLAIN else pack(one) for one in value]
    if kind is dict:
        return {str(key): pack(one) for key, one in value.items()}
    if kind is bytes:
        return {BYTES: str(value, "latin-1")}
    if kind is set or kind is frozenset:
        return {SET: sorted(pack(one) for one in value)}
    if isinstance(value, Enum):
        return {CLASS: _name(kind), "value": value.value}
    shape = _shapes.get((kind, NONE)) or _shape(kind, NONE)
    packed = {CLASS: shape[3]}
    _fill(packed, value, shape)
    return packed


def pack_fields(value: Any, without: frozenset[str] = NONE) -> dict[str, Any]:
    """The fields of an object that differ from their defaults, packed."""
    packed: dict[str, Any] = {}
    _fill(packed, value, _shapes.get((type(value), without)) or _shape(type(value), without))
    return packed


def _fill(packed: dict[str, Any], value: Any, shape: Shape) -> None:
    names, get, defaults, _ = shape
    for name, one, default in zip(names, get(value), defaults):  # noqa: B905 - all of the same class
        if one is default:
            continue
        if type(one) in _PLAIN:
            if one != default:
                packed[name] = one
        elif one != default:
            packed[name] = pack(one)


def unpack(value: Any) -> Any:
    """The value that was packed. Raises PackingError."""
    if isinstance(value, list):
        return tuple([unpack(one) for one in value])
    if not isinstance(value, dict):
        return value
    if BYTES in value:
        return value[BYTES].encode("latin-1")
    if SET in value:
        return {unpack(one) for one in value[SET]}
    if CLASS not in value:
        return {key: unpack(one) for key, one in value.items()}
    cls = _find(value[CLASS])
    if issubclass(cls, Enum):
        return cls(value["value"])
    if issubclass(cls, tuple):
        return cls(**{name: unpack(one) for name, one in value.items() if name in _names(cls)})
    return unpack_fields(cls, value)


def unpack_fields(cls: type[T], packed: dict[str, Any]) -> T:
    """An object of a dataclass from its packed fields. Raises PackingError if a field without a default is missing."""
    if not is_dataclass(cls):
        raise PackingError(f"{cls.__name__} is no dataclass")
    known = {one.name for one in fields(cls) if one.init}
    try:
        found: T = cls(**{name: unpack(one) for name, one in packed.items() if name in known})
    except TypeError as error:
        raise PackingError(str(error)) from None
    return found


def unpack_into(target: Any, packed: dict[str, Any]) -> None:
    """Give a fresh object the fields that were packed of another one of its class."""
    names = frozenset((_shapes.get((type(target), NONE)) or _shape(type(target), NONE))[0])
    for name, one in packed.items():
        if name in names:
            setattr(target, name, unpack(one))


def _shape(kind: type, without: frozenset[str]) -> Shape:
    """Names, how to get the values, their defaults, and the name of the class: looked up once."""
    name = _name(kind)
    defaults: tuple[Any, ...]
    if is_dataclass(kind):
        found = [one for one in fields(kind) if one.init and one.name not in without]
        names = tuple(one.name for one in found)
        defaults = tuple(
            one.default if one.default is not MISSING
            else one.default_factory() if one.default_factory is not MISSING
            else _NOTHING
            for one in found
        )  # fmt: skip
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names = _names(kind)
        defaults = (_NOTHING,) * len(names)
    else:
        slots = [slot for cls in kind.__mro__ for slot in getattr(cls, "__slots__", ())]
        names = tuple(slot for slot in slots if slot not in without)
        defaults = (_NOTHING,) * len(names)
    if not names:
        raise PackingError(f"{kind.__name__} has no fields to pack")
    get = attrgetter(*names) if len(names) > 1 else (lambda value: (getattr(value, names[0]),))
    shape = _shapes[kind, without] = (names, get, defaults, name)
    return shape


def _names(kind: type) -> tuple[str, ...]:
    """Of a named tuple's fields."""
    found: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return found


def _name(kind: type) -> str:
    if not kind.__module__.startswith(OURS):
        raise PackingError(f"a {kind.__name__} cannot be packed")
    return f"{kind.__module__}:{kind.__qualname__}"


def _find(name: str) -> type:
    module, _, qualified = name.partition(":")
    found = getattr(sys.modules.get(module), qualified, None) if module.startswith(OURS) else None
    if not isinstance(found, type) or found.__module__ != module:
        raise PackingError(f"{name} is no class of ours")
    return found
