"""[security] of softswitch.toml: how much strangers and accounts may ask of the switch, and who is never cut off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from softswitch.decode import Expected, Rule, number_in, text, whole_in
from softswitch.sip.spared import parse_network

if TYPE_CHECKING:
    from softswitch.sip.guard import Defences


def _setting(default: Any, comment: str, rule: Rule) -> Any:
    return field(default=default, metadata={"comment": comment, "rule": rule})


def _read_networks(value: object) -> tuple[str, ...]:
    if isinstance(value, str):  # From the environment or the command line.
        value = [one.strip() for one in value.split(",") if one.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError
    for one in value:
        try:
            parse_network(text(one))
        except ValueError:
            raise Expected(f'an address or a network such as "10.0.0.0/8", not {one!r}') from None
    return tuple(value)


SECONDS = number_in(1, 86_400, "seconds")
NETWORKS = Rule('a list of addresses and networks, ["10.0.0.0/8"]', _read_networks, list)


@dataclass(slots=True, frozen=True)
class Security:
    """[security]"""

    never_ban: tuple[str, ...] = _setting(
        (), "Sources that are never cut off, beside trunks: addresses and networks.", NETWORKS
    )
    wrong_passwords: int = _setting(20, "So many wrong passwords at once are a ban.", whole_in(3, 10_000))
    ban: float = _setting(
        300.0, "The first ban of a source, in seconds; each further one is four times as long", SECONDS
    )  # fmt: skip
    longest_ban: float = _setting(86_400.0, "No ban is longer, in seconds.", number_in(1, 31_536_000, "seconds"))
    stranger_rate: int = _setting(
        3_000,
        "Messages a second that are read from an address which has proved no account; 0 = all.",
        whole_in(0, 1_000_000),
    )
    account_rate: int = _setting(
        100, "Requests a second of one kind (REGISTER, INVITE ...) that an account may send; 0 = any.", whole_in(0, 1_000_000)
    )  # fmt: skip

    def defences(self, nonce_lifetime: float, digest_algorithms: tuple[str, ...]) -> Defences:
        """As the switch wants it."""
        from softswitch.sip.bans import BanLimits  # What only reads the settings need not load it.
        from softswitch.sip.guard import Defences

        limits = BanLimits(strikes=self.wrong_passwords, first=self.ban, longest=max(self.ban, self.longest_ban))
        return Defences(
            nonce_lifetime, digest_algorithms, self.never_ban, limits, self.stranger_rate, self.account_rate
        )
