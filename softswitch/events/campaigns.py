"""Campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CampaignContact(Event):
    """Something has become of a contact. `status`: "waiting" | "shown" | "calling" | "reached" | "not_reached" | "denied" |
    "skipped" | "cancelled".
    """

    name: ClassVar[str] = "campaign.contact"
    campaign: str
    queue: str
    contact: str
    number: str
    status: str
    attempts: int
    outcome: str = ""  # of the last attempt
    agent: str = ""
    callback: str = ""


@dataclass(slots=True)
class CampaignHeld(Event):
    """A campaign calls nobody any more today: too many customers who answered met nobody."""

    name: ClassVar[str] = "campaign.held"
    campaign: str
    queue: str
    answered: int
    abandoned: int
