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
_shapes: dict[type, Shape] = {}
_NOTHING: Final = object()


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
    return {CLASS: _name(kind), **pack_fields(value)}


def pack_fields(value: Any, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The fields of an object that differ from their defaults, packed."""
    names, get, defaults, _ = _shapes.get(type(value)) or _shape(type(value))
    packed = {}
    for name, one, default in zip(names, get(value), defaults, strict=True):
        if one is default or name in without or (default is not _NOTHING and one == default):
            continue
        packed[name] = one if type(one) in _PLAIN else pack(one)
    return packed


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
    names = frozenset((_shapes.get(type(target)) or _shape(type(target)))[0])
    for name, one in packed.items():
        if name in names:
            setattr(target, name, unpack(one))


def _shape(kind: type) -> Shape:
    if is_dataclass(kind):
        names = tuple(one.name for one in fields(kind) if one.init)
        defaults = tuple(_NOTHING if one.default is MISSING else one.default for one in fields(kind) if one.init)
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names = _names(kind)
        defaults = (_NOTHING,) * len(names)
    else:
        names = tuple(name for cls in kind.__mro__ for name in getattr(cls, "__slots__", ()))
        defaults = (_NOTHING,) * len(names)
    if not names:
        raise PackingError(f"{kind.__name__} has no fields to pack")
    get = attrgetter(*names) if len(names) > 1 else (lambda value: (getattr(value, names[0]),))
    shape = _shapes[kind] = (names, get, defaults, f"{kind.__module__}:{kind.__qualname__}")
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
