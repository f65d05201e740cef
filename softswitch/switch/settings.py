"""What the host's configuration decides about the machines, and what we say that we can."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from softswitch.call.board import Policy
from softswitch.sip.guard import Defences
from softswitch.sip.qualify import Qualify

METHODS: Final = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REGISTER", "SUBSCRIBE", "MESSAGE", "REFER",
    "NOTIFY",
)  # fmt: skip
ALLOW: Final = f"Allow: {', '.join(METHODS)}\r\n"
CAPABILITIES: Final = (
    f"{ALLOW}Accept: application/sdp\r\nAccept-Encoding: identity\r\nAccept-Language: pl, en\r\n"
    "Allow-Events: dialog, presence, message-summary, refer\r\n"
)
EXTENSIONS: Final = ("path", "outbound", "gruu")  # beside those of calls
CROWDED_RETRY: Final = 5  # seconds at least; up to four times as long, so that clients do not come back in step
DRAIN_RETRY: Final = "Retry-After: 30\r\n"


@dataclass(slots=True, frozen=True)
class Settings:
    """What the host's configuration decides about the machines. Times in seconds."""

    register_minimum: int = 60
    register_default: int = 3_600
    register_maximum: int = 7_200
    defences: Defences = field(default_factory=Defences)
    calls: Policy = field(default_factory=Policy)
    calls_at_once: int = 5_000
    calls_per_second: int = 2_000
    node: str = "0"  # one character in every branch, tag and Call-ID: which node of a cluster made it
    server: str = "softswitch"
    qualify: Qualify = field(default_factory=Qualify)
    unreachable: str = "skip"  # what becomes of a contact that does not answer: "skip" | "remove" | "ring"
