"""The whole site: one immutable snapshot that is replaced when the site changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from softswitch.directory.accounts import Account
from softswitch.directory.alerts import Alert
from softswitch.directory.campaigns import Campaign
from softswitch.directory.entry import Notice, NumberList, Outage, Screening
from softswitch.directory.features import DEFAULT_CALL_CODES, DEFAULT_FEATURE_CODES
from softswitch.directory.groups import Group, Parking
from softswitch.directory.hooks import Crm, Router, Webhook
from softswitch.directory.hours import Hours
from softswitch.directory.menus import Menu, Number
from softswitch.directory.pauses import DEFAULT_PAUSES, Pause
from softswitch.directory.people import Token, User
from softswitch.directory.queues import Agent, Queue
from softswitch.directory.reporting import ScheduledReport
from softswitch.directory.rooms import Conference, Mailbox
from softswitch.directory.wrapping import Disposition, Script
from softswitch.outside import ANYWHERE, EMERGENCY, Policy, Route, Trunk


@dataclass(slots=True, frozen=True)
class Directory:
    """One snapshot of the whole site."""

    domain: str
    accounts: Mapping[str, Account] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)  # dialled number -> destination (see menus)
    hours: Mapping[str, Hours] = field(default_factory=dict)
    menus: Mapping[str, Menu] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    conferences: Mapping[str, Conference] = field(default_factory=dict)
    mailboxes: Mapping[str, Mailbox] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    parking: Mapping[str, Parking] = field(default_factory=dict)
    music: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # class -> files
    feature_codes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_FEATURE_CODES)
    language: str = "pl"
    country: str = "pl"  # tone table, holidays, number rules
    numbers: Mapping[str, Number] = field(
        default_factory=dict
    )  # languages and prompts of our numbers, where they differ
    version: int = 0
    codecs: tuple[str, ...] = ("opus", "G722", "PCMA", "PCMU", "*")  # of all accounts without a list of their own
    aliases: tuple[str, ...] = ()  # further domains and host addresses that mean this site
    transfer_timeout: float = 30.0  # seconds that the target of a transfer may ring, then the call comes back (XFR-06)
    transfer_sound: str = "music"  # "music" | "ringback": what is heard while the target rings
    recall_timeout: float = 20.0  # seconds that the transferor's phone rings
    recall_attempts: int = 2  # times
    recall_pause: float = 10.0  # seconds between them
    recall_fallback: str = "queue_head"  # "queue_head" | "queue" (the one that the call came from) | a destination
    call_codes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_CALL_CODES)  # what is typed during a call
    caller_codes: bool = False  # whoever has made a call may type them, too
    trunks: Mapping[str, Trunk] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    lists: Mapping[str, NumberList] = field(default_factory=dict)
    screenings: Mapping[str, Screening] = field(default_factory=dict)
    outages: Mapping[str, Outage] = field(default_factory=dict)
    notices: Mapping[str, Notice] = field(default_factory=dict)
    dispositions: Mapping[str, Disposition] = field(default_factory=dict)
    pauses: Mapping[str, Pause] = field(default_factory=lambda: DEFAULT_PAUSES)
    scripts: Mapping[str, Script] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    routers: Mapping[str, Router] = field(default_factory=dict)
    crms: Mapping[str, Crm] = field(default_factory=dict)
    reports: Mapping[str, ScheduledReport] = field(default_factory=dict)
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    timezone: str = "Europe/Warsaw"  # of what is said and counted by days; opening hours have their own
    show_customers: bool = True  # phones show the name on a customer's card, where it says one
    screen_pop: str = (
        ""  # address of the page about a caller that a panel may open (API-10): https://.../?id={customer}
    )
    emergency: tuple[str, ...] = ()  # numbers that are never refused; () = those of the country
    outside_prefix: str = ""  # what is dialled before numbers outside, besides +; "" = nothing
    max_outside_calls: int = 0  # of the whole site at once, emergency calls apart; 0 = unlimited
    max_outside_minutes: int = 0  # ... in 24 hours

    @property
    def emergency_numbers(self) -> tuple[str, ...]:
        """Numbers to which a call is never refused (SIG-40)."""
        return self.emergency or EMERGENCY.get(self.country.lower(), ANYWHERE)
