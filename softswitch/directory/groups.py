"""Ring groups and parking places: where calls ring or wait without a queue."""

from __future__ import annotations

from dataclasses import dataclass

from softswitch.directory.accounts import Member


@dataclass(slots=True, frozen=True)
class Group:
    """Phones that ring together or in turn, without waiting in line (SIG-34). Times in seconds."""

    name: str
    title: str = ""
    members: tuple[Member, ...] = ()
    strategy: str = "simultaneous"  # "simultaneous" | "sequence" | "random" | "rotating" | "memory"
    timeout: float = 30.0  # of the whole attempt
    member_timeout: float = 15.0  # of each one, where they ring in turn
    skip_busy: bool = True  # whoever is on the phone is not rung
    follow_forwards: bool = False  # where a member forwards calls to, rings for them
    otherwise: str = ""  # destination when nobody answers; "" = the caller is told so
    caller_name_prefix: str = ""
    alert_info: str = ""
    pickup: bool = True  # others may take its calls by pickup


@dataclass(slots=True, frozen=True)
class Parking:
    """Places where calls wait until somebody dials their number (SIG-33). Times in seconds."""

    name: str
    first: int = 701
    last: int = 720
    timeout: float = 45.0  # then the call comes back to whoever parked it
    ring_timeout: float = 30.0  # of that; then it goes to `otherwise`
    otherwise: str = ""  # a destination; "" = the call is parked again
    caller_name_prefix: str = "P: "  # of a call that comes back
    music: str = "default"

    @property
    def slots(self) -> range:
        return range(self.first, self.last + 1)
