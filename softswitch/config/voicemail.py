"""Sections of softswitch.toml about mailboxes: where messages are, and how they are sent by e-mail. See `config`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softswitch.address import is_address, is_domain, is_loopback
from softswitch.config.network import setting
from softswitch.decode import Problems, Rule, number_in, one_of, path, text, whole_in

PORTS: Final = {"starttls": 587, "tls": 465, "off": 25}


def _read_host(value: object) -> str:
    host = text(value)
    if host and not (is_address(host) or is_domain(host) or host == "localhost"):
        raise ValueError
    return host


def _read_sender(value: object) -> str:
    sender = text(value)
    if sender and (sender.count("@") != 1 or not sender.isascii() or not sender.isprintable() or " " in sender):
        raise ValueError
    return sender


def _read_optional_path(value: object) -> Path | None:
    return None if value == "" else path(value)


_OPTIONAL_PATH = Rule('a path in quotes, or ""', _read_optional_path, lambda value: "" if value is None else str(value))


@dataclass(slots=True, frozen=True)
class VoicemailSettings:
    """[voicemail]"""

    folder: Path = setting(
        Path("voicemail"), "Where messages and greetings go; which mailboxes there are is said by the site."
    )
    undelete_hours: float = setting(
        24.0, "A message that was deleted can be restored this long.", number_in(0, 8_760, "hours")
    )
    min_free_mb: int = setting(
        100, "With less free space on that disk no messages are taken.", whole_in(0, 1_000_000_000, "MB")
    )


@dataclass(slots=True, frozen=True)
class MailSettings:
    """[mail]; relative paths start at the folder of softswitch.toml."""

    host: str = setting(
        "", 'The SMTP server that sends messages of mailboxes by e-mail; "" = none is sent.',
        Rule('a host name, an IP address, or ""', _read_host),
    )  # fmt: skip
    port: int = setting(
        0, "Its port; 0 = the usual one: 587 for starttls, 465 for tls, 25 for off.", whole_in(0, 65_535)
    )
    security: str = setting(
        "starttls", "How the connection is encrypted: starttls, tls or off.", one_of("starttls", "tls", "off")
    )
    ca: Path | None = setting(None, "Who signed its certificate, PEM, if not a well-known authority.", _OPTIONAL_PATH)
    user: str = setting("", 'Whom to log in as; "" = nobody.')
    password_file: Path | None = setting(
        None, "File with the password; nobody else should be able to read it.", _OPTIONAL_PATH
    )
    sender: str = setting(
        "", 'The address in From; "" = softswitch@ the domain of the site.',
        Rule('an address such as "pbx@example.com", or ""', _read_sender),
    )  # fmt: skip
    timeout: float = setting(30.0, "Seconds to wait for an answer of the server.", number_in(1, 600, "seconds"))
    give_up_hours: float = setting(
        48.0, "A mail that the server does not take is tried again and again for so long.", number_in(0, 720, "hours")
    )

    @property
    def usual_port(self) -> int:
        return self.port or PORTS[self.security]


def check(mail: MailSettings, problems: Problems) -> None:
    """What single values cannot show."""
    if mail.user and mail.password_file is None:
        problems.add("mail.password_file", "", "a file with the password of mail.user")
    if mail.user and mail.security == "off" and not (mail.host == "localhost" or is_loopback(mail.host)):
        problems.add("mail.security", "off", "starttls or tls, because a password must not travel in clear")
