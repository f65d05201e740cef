"""The identifiers this host invents: tags, branches, Via values (RFC 3261 sections 8.1.1.7, 8.2.7, 19.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from softswitch.effects import Flow
from softswitch.machine import Entropy
from softswitch.sip.listener import Listener, sent_by
from softswitch.sip.message import Message

COOKIE: Final = "z9hG4bK"
MAX_VIAS: Final = 20_000  # peers whose Via is kept ready


class Identifiers:
    """Every identifier carries the node's character at a fixed place, so that a message can be steered to its owner unparsed.

    Tags of dialogs are the node and a random token. Tags of stateless answers have "-" in the second place, which sets them
    apart: an ACK that carries one belongs to an answer that was forgotten.
    """

    __slots__ = ("_entropy", "_key", "_listeners", "_node", "_stateless", "_vias")

    def __init__(self, entropy: Entropy, listeners: Sequence[Listener], node: str) -> None:
        self._entropy = entropy
        self._listeners = listeners
        self._node = node
        self._stateless = f"{node}-"
        self._key = (entropy.token() + entropy.token()).encode()
        self._vias: dict[tuple[int, str], str] = {}

    def tag(self) -> str:
        return self._node + self._entropy.token()

    def stateless_tag(self, message: Message) -> str:
        """8.2.7: the copies of a request get the same tag, although nothing is remembered."""
        text = f"{message.call_id} {message.from_tag} {message.cseq}".encode("latin-1", "replace")
        return self._stateless + hashlib.blake2s(text, digest_size=6, key=self._key).hexdigest()

    def is_stateless(self, tag: str) -> bool:
        return tag.startswith(self._stateless)

    def via(self, flow: Flow) -> tuple[str, str]:
        """A Via value for a request on this flow, and the fresh branch in it."""
        branch = f"{COOKIE}{self._node}{self._entropy.token()}"
        place = (flow.listener, flow.host)
        start = self._vias.get(place)
        if start is None:
            if len(self._vias) >= MAX_VIAS:
                self._vias.clear()
            listener = self._listeners[flow.listener]
            start = f"SIP/2.0/{listener.transport.upper()} {sent_by(listener, flow)};rport;branch="
            self._vias[place] = start
        return start + branch, branch
