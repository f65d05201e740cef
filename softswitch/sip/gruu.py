"""Public GRUUs (RFC 5627): a URI that means one phone of an account, wherever it is: `sip:bob@pbx.example;gr=urn:uuid:...`."""

from __future__ import annotations

import re
from typing import Final

MAX_INSTANCE: Final = 128  # characters of an instance that gets a GRUU
# What may stand in the value of a URI parameter (RFC 3261 section 25.1: paramchar).
_unsafe = re.compile(r"[^-A-Za-z0-9_.!~*'()\[\]/:&+$]").sub


def instance_of(value: str) -> str:
    """The instance that a `+sip.instance` means: its URN, without the brackets around it."""
    return value[1:-1] if value[:1] == "<" and value[-1:] == ">" else value


def public_gruu(aor: str, instance: str) -> str:
    """The GRUU of an instance of an AOR (a sip or sips URI without parameters), "" if it cannot have one."""
    name = instance_of(instance)
    if not name or len(name) > MAX_INSTANCE or not name.isascii():
        return ""
    return f"{aor};gr={_unsafe(lambda match: f'%{ord(match[0]):02X}', name)}"
