"""Where callers meet, or leave word: conferences and mailboxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Conference:
    """A meet-me conference (MED-19). Whoever gives `moderator_pin` may mute others and lock it."""

    name: str
    title: str = ""
    pin: str = ""  # "" = none
    moderator_pin: str = ""
    max_members: int = 100  # 0 = unlimited
    muted: bool = False  # who is no moderator only listens
    music: str = "default"  # for who is alone


@dataclass(slots=True, frozen=True)
class Mailbox:
    """Where callers leave messages (VM-01). Accounts name it as theirs; several may share one. All times in seconds."""

    name: str
    title: str = ""
    pin: str = ""  # opens it at other phones than its own; "" = that is not possible. One that was set by phone takes its place
    ask_pin: bool = True  # at its own phones, too, if it has one
    queue: str = ""  # whose mailbox it is: each message is a caller to be called back
    greeting: tuple[str, ...] = ()  # clips in place of the standard greeting, where none was recorded by phone
    language: str = ""  # of its prompts; "" = the caller's
    timezone: str = "Europe/Warsaw"
    review: bool = True  # who ends a message with # may hear and change it
    operator: str = ""  # destination of who presses 0 in the greeting, "" = the key means nothing
    max_seconds: float = 180.0  # of one message
    min_seconds: float = 2.0  # what is shorter is not kept
    silence: float = 8.0  # in which nothing is said: the message is over
    max_messages: int = 100
    days: int = 0  # messages are deleted after that, 0 = never
    email: tuple[str, ...] = ()  # who gets each message by e-mail
    email_audio: bool = True  # with the message as a WAV file
    delete_after_mail: bool = False  # the message stays in the mail only
