"""Voicemail, and texts between accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class VoicemailBegun(Event):
    """A caller begins to speak a message. `path` is below the folder of voicemail."""

    name: ClassVar[str] = "voicemail.begun"
    message: int
    mailbox: str
    call: str
    path: str
    caller: str
    caller_name: str
    queue: str = ""


@dataclass(slots=True)
class VoicemailLeft(Event):
    """A message is in a mailbox. `interrupted`: its writer died, it was repaired; `forwarded_from`: the mailbox it came from."""

    name: ClassVar[str] = "voicemail.left"
    message: int
    mailbox: str
    call: str
    path: str
    caller: str
    caller_name: str
    queue: str
    seconds: float
    octets: int
    left_at: float  # Unix time
    mail: bool = False  # it is to be sent by e-mail
    forwarded_from: str = ""
    interrupted: bool = False


@dataclass(slots=True)
class VoicemailDiscarded(Event):
    """A message that was begun is not kept. `cause`: "short" | "again" | "failed" ..."""

    name: ClassVar[str] = "voicemail.discarded"
    message: int
    mailbox: str
    path: str
    cause: str


@dataclass(slots=True)
class VoicemailPlayed(Event):
    """Somebody listened to a message on a page. Told once in ten minutes for each who does."""

    name: ClassVar[str] = "voicemail.played"
    message: int
    mailbox: str
    by: str
    source: str = ""


@dataclass(slots=True)
class VoicemailHeard(Event):
    """A message was listened to for the first time: it is no longer new."""

    name: ClassVar[str] = "voicemail.heard"
    message: int
    mailbox: str
    by: str


@dataclass(slots=True)
class VoicemailDeleted(Event):
    """A message was deleted; its file stays for a while, so that it can be restored."""

    name: ClassVar[str] = "voicemail.deleted"
    message: int
    mailbox: str
    by: str


@dataclass(slots=True)
class VoicemailRestored(Event):
    """A message that was deleted is back."""

    name: ClassVar[str] = "voicemail.restored"
    message: int
    mailbox: str
    by: str


@dataclass(slots=True)
class VoicemailPurged(Event):
    """A message is gone for good, its file and its record. `cause`: "deleted" | "retention" | "erased"."""

    name: ClassVar[str] = "voicemail.purged"
    message: int
    mailbox: str
    path: str
    cause: str


@dataclass(slots=True)
class VoicemailMailed(Event):
    """A message was sent by e-mail, or could not be: `error` says why, and nothing more is tried."""

    name: ClassVar[str] = "voicemail.mailed"
    message: int
    mailbox: str
    attempts: int
    error: str = ""


@dataclass(slots=True)
class MailboxChanged(Event):
    """Somebody changed a mailbox by phone. `what`: "unavailable" | "busy" | "name" (a recorded greeting) | "pin" | "locked"."""

    name: ClassVar[str] = "voicemail.mailbox"
    mailbox: str
    what: str
    by: str
    path: str = ""  # of the new recording, "" = the standard one
    former: str = ""  # of the recording that it replaces


@dataclass(slots=True)
class CallbackRequested(Event):
    """Somebody is to be called back. `cause`: "voicemail"."""

    name: ClassVar[str] = "callback.requested"
    queue: str
    number: str
    caller_name: str
    call: str
    cause: str
    message: int = 0  # of the mailbox
    mailbox: str = ""


@dataclass(slots=True)
class TextStored(Event):
    """A text is kept for an account that no phone is registered for."""

    name: ClassVar[str] = "text.stored"
    text: int
    sender: str
    target: str


@dataclass(slots=True)
class TextForwarded(Event):
    """A text that was kept has been delivered."""

    name: ClassVar[str] = "text.delivered"
    text: int
    sender: str
    target: str


@dataclass(slots=True)
class TextDropped(Event):
    """A text that was kept is gone without having been delivered. `cause`: "expired", or the status that a phone gave."""

    name: ClassVar[str] = "text.dropped"
    text: int
    sender: str
    target: str
    cause: str
