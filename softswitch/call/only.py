"""Which phones of an account a call may ring: all of them, the one that a GRUU means, or those whose way is encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.sip.gruu import instance_of
from softswitch.sip.listener import SECURE

if TYPE_CHECKING:
    from softswitch.sip.binding import Binding

# RFC 5630 section 6.4, with 480: the way to the other side is not encrypted everywhere.
NOT_ALLOWED: Final = 'Warning: 380 softswitch "SIPS Not Allowed"\r\n'


@dataclass(slots=True, frozen=True)
class Only:
    """`instance`: of a GRUU (RFC 5627), "" = every phone. `secure`: a sips URI was called (RFC 5630): TLS all the way."""

    instance: str = ""
    secure: bool = False

    def choose(self, bindings: Sequence[Binding]) -> Sequence[Binding]:
        """The bindings to ring."""
        if self is EVERY:
            return bindings
        return [
            one
            for one in bindings
            if (not self.instance or instance_of(one.instance) == self.instance)
            and (not self.secure or one.flow.transport in SECURE)
        ]


EVERY: Final = Only()


def is_sips(uri: str) -> bool:
    return uri[:5].lower() == "sips:"
