"""The site as an immutable snapshot: accounts, extensions, menus, hours, queues, agents.

The store loads and edits the site; every reader (digest, routing, queue engine, menus) sees one `Directory` object that
is replaced whole when the site changes. Validation happens where the site is edited (`store.site`); here are only values.
"""

from __future__ import annotations

from softswitch.directory.accounts import Account, Member
from softswitch.directory.alerts import Alert
from softswitch.directory.announcing import Announce
from softswitch.directory.entry import Notice, NumberList, Outage, Screening
from softswitch.directory.features import (
    DEFAULT_CALL_CODES,
    DEFAULT_FEATURE_CODES,
    FEATURES,
    NAMED_FEATURES,
    Feature,
    feature_of,
)
from softswitch.directory.groups import Group, Parking
from softswitch.directory.hours import Hours, Span
from softswitch.directory.menus import (
    CallbackStep,
    CallerStep,
    CallStep,
    ChoiceStep,
    CollectStep,
    DialStep,
    GotoStep,
    HangupStep,
    HoursStep,
    HttpStep,
    IdentifyStep,
    IfStep,
    LanguageStep,
    MailStep,
    Menu,
    Number,
    PlayStep,
    QueueStep,
    RecordStep,
    SayStep,
    SetStep,
    SmsStep,
    Step,
    SurveyStep,
    SwitchStep,
)
from softswitch.directory.pauses import Pause
from softswitch.directory.people import Token, User
from softswitch.directory.queues import Agent, Membership, Need, Queue, StrategyRule
from softswitch.directory.reporting import ScheduledReport
from softswitch.directory.rooms import Conference, Mailbox
from softswitch.directory.site import Directory
from softswitch.directory.waiting import Rung, Surge
from softswitch.directory.wrapping import Disposition, Script

__all__ = [
    "DEFAULT_CALL_CODES",
    "DEFAULT_FEATURE_CODES",
    "FEATURES",
    "NAMED_FEATURES",
    "Account",
    "Agent",
    "Alert",
    "Announce",
    "CallStep",
    "CallbackStep",
    "CallerStep",
    "ChoiceStep",
    "CollectStep",
    "Conference",
    "DialStep",
    "Directory",
    "Disposition",
    "Feature",
    "GotoStep",
    "Group",
    "HangupStep",
    "Hours",
    "HoursStep",
    "HttpStep",
    "IdentifyStep",
    "IfStep",
    "LanguageStep",
    "MailStep",
    "Mailbox",
    "Member",
    "Membership",
    "Menu",
    "Need",
    "Notice",
    "Number",
    "NumberList",
    "Outage",
    "Parking",
    "Pause",
    "PlayStep",
    "Queue",
    "QueueStep",
    "RecordStep",
    "Rung",
    "SayStep",
    "ScheduledReport",
    "Screening",
    "Script",
    "SetStep",
    "SmsStep",
    "Span",
    "Step",
    "StrategyRule",
    "Surge",
    "SurveyStep",
    "SwitchStep",
    "Token",
    "User",
    "feature_of",
]
