"""Sections of softswitch.toml about services outside that calls use: web services, text messages. See `config`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from softswitch.address import is_address, is_domain, is_loopback
from softswitch.config.network import setting
from softswitch.config.rules import OPTIONAL_PATH
from softswitch.decode import Expected, Problems, Rule, number_in, one_of, text, whole_in

ANY: Final = "*"
FIELDS: Final = ("to", "text", "sender", "id")  # what may stand behind $ in a template of [sms]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):  # From the environment or the command line.
        value = [one.strip() for one in value.split(",") if one.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return [text(one).lower() for one in value]


def is_host(name: str) -> bool:
    return is_address(name) or is_domain(name) or name == "localhost"


def _read_hosts(value: object) -> tuple[str, ...]:
    hosts = _texts(value)
    if not all(one == ANY or is_host(one.removeprefix("*.")) for one in hosts):
        raise ValueError
    return tuple(hosts)


def _read_private(value: object) -> tuple[str, ...]:
    places = _texts(value)
    for one in places:
        if not is_host(one):
            ip_network(one)  # Raises ValueError.
    return tuple(places)


def _read_template(value: object) -> str:
    template = text(value)
    try:
        Template(template).substitute(dict.fromkeys(FIELDS, ""))
    except (KeyError, ValueError):
        raise Expected("no $ but " + ", ".join(f"${name}" for name in FIELDS) + " ($$ is a $)") from None
    return template


def _read_url(value: object) -> str:
    url = _read_template(value)
    parts = urlsplit(url)
    if url and (parts.scheme not in ("https", "http") or not parts.hostname or "$" in parts.netloc or parts.username):
        raise ValueError
    return url


@dataclass(slots=True, frozen=True)
class WebSettings:
    """[web]"""

    hosts: tuple[str, ...] = setting(
        (ANY,), 'Which hosts menus may ask: names, "*.example.com", addresses; "*" = all that are public.',
        Rule('a list of hosts such as ["crm.example.com", "*.example.org"]', _read_hosts, list),
    )  # fmt: skip
    private: tuple[str, ...] = setting(
        (),
        "Hosts and networks that are not public and may be asked all the same: whoever can edit the site reaches them by it.",
        Rule('a list of hosts and networks such as ["crm.lan", "10.1.0.0/16"]', _read_private, list),
    )
    timeout: float = setting(
        10.0, "An answer later than that is none, whatever a menu says.", number_in(0.1, 60, "seconds")
    )
    max_kib: int = setting(64, "A longer answer is none.", whole_in(1, 1_024, "KiB"))
    at_once: int = setting(50, "More requests at the same time wait for a moment, or fail.", whole_in(1, 1_000))
    failures: int = setting(
        5, "So many failures of a host in a row, and it is not asked for a while.", whole_in(1, 1_000)
    )
    pause: float = setting(30.0, "That while; then one request finds out.", number_in(1, 3_600, "seconds"))
    ca: Path | None = setting(None, "Who signed their certificates, PEM, if not well-known authorities.", OPTIONAL_PATH)


@dataclass(slots=True, frozen=True)
class SmsSettings:
    """[sms]"""

    url: str = setting(
        "",
        'Where the provider takes text messages; $to, $text, $sender and $id may stand in it. "" = none are sent.',
        Rule('an address such as "https://sms.example.com/send", or ""', _read_url),
    )
    method: str = setting("POST", "How.", one_of("POST", "PUT", "GET"))
    form: str = setting("json", "What the body is: json or form.", one_of("json", "form"))
    body: str = setting(
        '{"to": "$to", "text": "$text", "sender": "$sender"}',
        "The body; values are quoted as its form wants it. For form: to=$to&message=$text.",
        Rule("a text in which $to, $text, $sender and $id stand for what they say", _read_template),
    )
    authorization_file: Path | None = setting(
        None, 'File with the value of the Authorization header, such as "Bearer ..."; nobody else should read it.',
        OPTIONAL_PATH,
    )  # fmt: skip
    sender: str = setting("", "Who it is from, as the provider wants it.")
    countries: tuple[str, ...] = setting(
        (), "Countries whose mobile numbers get texts; [] = the site's own.",
        Rule('a list of country codes such as ["pl", "de"]', lambda value: tuple(_texts(value)), list),
    )  # fmt: skip
    mobile_only: bool = setting(True, "Texts go to mobile numbers only.")
    per_number: int = setting(5, "Texts to one number in 24 hours; 0 = any number.", whole_in(0, 1_000))
    per_day: int = setting(1_000, "Texts in 24 hours; 0 = any number. They cost money.", whole_in(0, 1_000_000))
    timeout: float = setting(10.0, "The provider must answer within that.", number_in(0.5, 60, "seconds"))
    give_up_hours: float = setting(
        6.0, "A text that the provider does not take is tried again and again for so long.", number_in(0, 72, "hours")
    )


def check(sms: SmsSettings, problems: Problems) -> None:
    """What single values cannot show."""
    host = urlsplit(sms.url).hostname or ""
    here = host == "localhost" or (is_address(host) and is_loopback(host))
    if sms.url and sms.authorization_file and urlsplit(sms.url).scheme != "https" and not here:
        problems.add("sms.url", sms.url, "https, because sms.authorization_file must not travel in clear")
