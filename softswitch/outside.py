"""What the site says about the world outside: trunks, routes to them, and who may call where (`docs/trunks.md`).

Only values. Nothing leads outside unless a route says so, and what a policy does not permit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

TRUNK: Final = "trunk:"  # before the name of a trunk where other legs have the account of their phone


@dataclass(slots=True, frozen=True)
class Rewrite:
    """A rule for numbers: one that `match` (a regular expression) describes as a whole becomes `to`, with \\1 for its groups."""

    match: str
    to: str


@dataclass(slots=True, frozen=True)
class Trunk:
    """A line to a provider, or to another switch. `password` is kept as it is: a provider's realm may change."""

    name: str
    servers: tuple[
        str, ...
    ] = ()  # "sip.example.com", "192.0.2.1:5080", "sip:host;transport=tcp": in the order they are tried
    title: str = ""
    register: bool = False  # tell the provider where we are; else it knows our address
    user: str = ""  # who we are there: of From, To and Contact of a registration
    auth_user: str = ""  # the name that goes with the password; "" = user
    password: str = ""
    realm: str = ""  # the only realm that is given an answer; "" = the domain, a server's name, or the registrar's
    domain: str = ""  # of the URIs that are sent there; "" = the server's
    expires: int = 600  # seconds that a registration is asked for

    accept: tuple[str, ...] = ()  # further addresses and networks that its calls come from
    did_from: str = "auto"  # where the number is that was called: "auto" | "request_uri" | "to" | "p_called_party_id"
    dids: Mapping[str, str] = field(default_factory=dict)  # our number -> destination
    default: str = ""  # the destination of other numbers; "" = 404
    trusted: bool = (
        True  # the provider vouches for the caller's number (P-Asserted-Identity, Remote-Party-ID, Diversion)
    )
    country: str = ""  # of numbers that it gives without a country code; "" = the site's

    format: str = (
        "e164"  # of numbers called: "e164" (+48...) | "plain" (48...) | "international" (0048...) | "national"
    )
    strip: int = 0  # leading characters taken away after that ...
    add: str = ""  # ... and what is put there
    rewrite: tuple[Rewrite, ...] = ()  # the first that matches counts, after strip and add
    caller_number: str = ""  # shown by whoever has no number of their own; "" = user
    caller_format: str = "e164"  # of the numbers shown
    clip_no_screening: bool = (
        False  # it takes numbers that are not ours: those of callers who are put through to outside
    )
    identity: str = "pai"  # how the caller is told: "pai" | "rpid" | "both" | "from"
    diversion: str = "diversion"  # how it is told who led a call on: "diversion" | "history-info" | "both" | "off"

    max_calls: int = 0  # at once, in and out; 0 = unlimited
    calls_per_second: float = 0.0  # going out; 0 = unlimited
    ping: float = 60.0  # seconds between OPTIONS; 0 = none
    answer_within: float = 5.0  # seconds to the first word to an INVITE, before the next server or trunk is tried

    codecs: tuple[str, ...] = ()  # as of an account
    srtp: str = "optional"
    dtmf: str = "auto"
    webrtc: bool = False


@dataclass(slots=True, frozen=True)
class Route:
    """Which numbers are called by which trunks. The longest prefix that fits counts."""

    name: str
    prefixes: tuple[str, ...]  # of numbers as "+48221234567", or short ones as they are dialled
    trunks: tuple[str, ...]  # in the order they are tried
    policies: tuple[str, ...] = ()  # whose accounts may use it; () = all


@dataclass(slots=True, frozen=True)
class Policy:
    """Where accounts may call, and how much (SEC-10). What is not named is refused."""

    name: str
    countries: tuple[str, ...] = ()  # ISO codes, "*" = every one; () = the site's own
    allow: tuple[str, ...] = ()  # prefixes permitted although they cost more, or lie in another country
    deny: tuple[str, ...] = ()  # prefixes refused in any case
    max_calls: int = 2  # outside at once, of one account
    calls_per_minute: int = 10  # 0 = unlimited, as the following
    calls_per_day: int = 200
    minutes_per_day: int = 300  # of talking, in the last 24 hours
    hours: str = ""  # the scheme in which calls are permitted; "" = always
    closed: str = "deny"  # outside of it: "deny" | "national"
    deny_list: str = ""  # a list of numbers that are refused in any case: who does not want to be called


DEFAULT_POLICY: Final = "default"  # of accounts that name none

# Numbers that are never refused to anybody, by country; where a country is not listed, 112 and 911 reach help from most networks.
EMERGENCY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "at": ("112", "122", "133", "140", "141", "142", "144"), "au": ("000", "106", "112"), "be": ("112", "100", "101"),
        "bg": ("112", "150", "160", "166"), "ca": ("911", "112"), "ch": ("112", "117", "118", "144", "1414"),
        "cy": ("112", "199"), "cz": ("112", "150", "155", "156", "158"), "de": ("112", "110"), "dk": ("112", "114"),
        "ee": ("112",), "es": ("112", "061", "062", "080", "091", "092"), "fi": ("112",),
        "fr": ("112", "15", "17", "18", "114", "119", "196"), "gb": ("999", "112"), "gr": ("112", "100", "166", "199"),
        "hr": ("112", "192", "193", "194"), "hu": ("112", "104", "105", "107"), "ie": ("112", "999"), "is": ("112",),
        "it": ("112", "113", "115", "118"), "lt": ("112",), "lu": ("112", "113"), "lv": ("112", "110", "113"),
        "mt": ("112",), "nl": ("112",), "no": ("112", "110", "113"), "nz": ("111", "112"), "pl": ("112", "997", "998", "999"),
        "pt": ("112",), "ro": ("112",), "se": ("112",), "si": ("112", "113"), "sk": ("112", "150", "155", "158", "159"),
        "ua": ("112", "101", "102", "103", "104"), "us": ("911", "112"),
    }
)  # fmt: skip
ANYWHERE: Final = ("112", "911")
