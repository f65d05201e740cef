"""Accounts: what telephones register as, and whom they ring besides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Member:
    """A phone of a ring group, or of somebody's follow-me. `to`: an account, an extension or a number as it is dialled."""

    to: str
    delay: float = 0.0  # seconds after the attempt began
    timeout: float = 0.0  # seconds of ringing; 0 = as long as the others
    confirm: bool = False  # whoever answers has to press 1: a mailbox does not


@dataclass(slots=True, frozen=True)
class Account:
    """A SIP account: what a phone registers as. HA1 values are password-equivalent and never leave the switch.

    `ha1_md5` and `ha1_sha256` are hex digests of `user:realm:password` (RFC 7616 section 3.4.2); "" disables that algorithm.
    """

    user: str
    ha1_md5: str = ""
    ha1_sha256: str = ""
    name: str = ""  # the display name of calls from it
    number: str = ""  # the caller number it shows outside; "" = user
    max_contacts: int = 10
    replace_oldest: bool = True  # at max_contacts: replace the oldest binding, else 403
    max_calls: int = 4  # concurrent calls as caller (toll-fraud guard)
    language: str = ""  # of prompts; "" = the site's
    agent: str = ""  # the agent whose default device this is
    do_not_disturb: bool = False  # this and the next are what holds until the phone says something else
    forward_always: str = ""  # a destination, or a number as its phone would dial it; "" = none
    forward_busy: str = ""
    forward_no_answer: str = ""
    forward_unreachable: str = ""  # no phone is registered, or none says a word
    call_waiting: bool = True  # a second call rings; False: it is busy
    forward_after: float = 20.0  # seconds of ringing before `forward_no_answer`
    redirects: str = "inside"  # a phone that sends a call elsewhere (302): "inside" | "any" | "ignore"
    follow_me: tuple[Member, ...] = ()  # phones that ring for it as well
    disturbed_by: tuple[str, ...] = ()  # accounts that ring in spite of `do_not_disturb`
    intercom: bool = True  # its phones may be asked to answer by themselves
    pickup_groups: tuple[str, ...] = ()  # who picks up whose calls; () = everybody's who has none either
    record: str = "off"  # "off" | "always" | "on_demand": its conversations (MED-14)
    recording_format: str = "wav"  # "wav" | "opus"
    recording_days: int = 0  # recordings are deleted after that, 0 = never (MED-18)
    codecs: tuple[str, ...] = ()  # in order of preference, "*" = any other, passed through; () = the site's
    srtp: str = "optional"  # "off" | "optional" | "required" | "dtls" (required, and offered by DTLS)
    webrtc: bool = False  # a browser, though it registers over UDP, TCP or TLS
    dtmf: str = "auto"  # "auto" | "rfc4733" | "info" | "inband"
    supervises: tuple[str, ...] = ()  # queues to whose agents it may listen; "*": everybody
    mailbox: str = ""  # its own one, which its phone's lamp shows; "" = the one of its name, if there is one
    to_mailbox: bool = True  # calls that nobody takes go to its mailbox, where no forward says otherwise
    mailboxes: tuple[str, ...] = ()  # further ones that it may open as its own
    mwi: str = "auto"  # "auto": its phones are told of messages even if they do not ask (RFC 3842); "subscribe": only if they do
    transfer_timeout: float = 0.0  # seconds that the target of its transfers may ring; 0 = the queue's, or the site's
    numbers: tuple[str, ...] = ()  # further numbers that it may show outside, if its phone asks for one
    controls: tuple[str, ...] = ()  # opening hours and outages that its phone may switch by code; "*": all
    policy: str = ""  # where it may call outside; "" = "default"
