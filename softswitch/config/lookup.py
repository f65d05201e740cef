"""The section of softswitch.toml about another program that knows who calls. See `config`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from softswitch.address import is_address, is_loopback
from softswitch.config.network import setting
from softswitch.config.rules import OPTIONAL_PATH
from softswitch.decode import Expected, Problems, Rule, number_in, text, whole_in

PATH: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}", re.ASCII)


def _read_url(value: object) -> str:
    url = text(value)
    try:
        Template(url).substitute(number="")
    except (KeyError, ValueError):
        raise Expected("no $ but $number ($$ is a $)") from None
    parts = urlsplit(url)
    if url and (parts.scheme not in ("https", "http") or not parts.hostname or "$" in parts.netloc or parts.username):
        raise ValueError
    return url


def _read_path(value: object) -> str:
    path = text(value)
    if path and not PATH.fullmatch(path):
        raise ValueError
    return path


PLACE: Final = Rule('a place in the answer such as "name" or "data.0.name"', _read_path)


@dataclass(slots=True, frozen=True)
class LookupSettings:
    """[lookup]"""

    url: str = setting(
        "",
        'Where another program says in JSON who has a number; $number stands for it. "" = only our own cards are asked.',
        Rule('an address such as "https://crm.example.com/contacts?phone=$number"', _read_url),
    )
    authorization_file: Path | None = setting(
        None, 'File with the value of the Authorization header, such as "Bearer ..."; nobody else should read it.',
        OPTIONAL_PATH,
    )  # fmt: skip
    timeout: float = setting(
        0.3, "A later answer is none. No call waits for it, in any case.", number_in(0.05, 10, "seconds")
    )
    cache: float = setting(900.0, "An answer is good for so long.", number_in(0, 86_400, "seconds"))
    cache_nobody: float = setting(60.0, "... and so long, if nobody has the number.", number_in(0, 86_400, "seconds"))
    failures: int = setting(5, "So many failures in a row, and it is not asked for a while.", whole_in(1, 1_000))
    pause: float = setting(30.0, "That while; then one request finds out.", number_in(1, 3_600, "seconds"))
    customer: str = setting(
        "id", "Where in the answer the customer number stands. Without it nobody has the number.", PLACE
    )
    name: str = setting("name", '... the name. What is not there, or "", is empty.', PLACE)
    company: str = setting("company", "... the company.", PLACE)
    email: str = setting("email", "... the e-mail address.", PLACE)
    link: str = setting("link", "... the address of their page.", PLACE)
    language: str = setting("language", "... the language of their prompts.", PLACE)
    segment: str = setting("segment", "... the segment.", PLACE)
    manager: str = setting("manager", "... the account manager, an agent of the site.", PLACE)
    vip: str = setting("vip", "... whether they are treated with preference: true, yes, 1.", PLACE)


def check(lookup: LookupSettings, problems: Problems) -> None:
    """What single values cannot show."""
    parts = urlsplit(lookup.url)
    host = parts.hostname or ""
    here = host == "localhost" or (is_address(host) and is_loopback(host))
    if lookup.url and lookup.authorization_file and parts.scheme != "https" and not here:
        problems.add("lookup.url", lookup.url, "https, because lookup.authorization_file must not travel in clear")
    if lookup.url and not lookup.customer:
        problems.add("lookup.customer", "", "where the customer number stands in the answer")
