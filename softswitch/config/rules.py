"""How single settings of softswitch.toml are read, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from softswitch.address import ListenAddress, is_address, is_domain, listen_addresses, split_host_port
from softswitch.call.naming import checked_name
from softswitch.decode import Expected, Rule, number_in, path, text, whole


def _read_listen(value: object) -> tuple[ListenAddress, ...]:
    if isinstance(value, str):  # From the environment or the command line.
        value = [one.strip() for one in value.split(",")]
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError
    found = [address for one in value for address in listen_addresses(text(one))]
    if len(set(found)) != len(found):
        raise Expected("each address once")
    return tuple(found)


def read_hosts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [one.strip() for one in value.split(",")]
    if (
        not isinstance(value, (list, tuple))
        or not value
        or not all(one == "auto" or is_address(text(one)) for one in value)
    ):
        raise ValueError
    return tuple(value)


def read_ports(value: object) -> tuple[int, int]:
    low, high = (whole(part.strip()) for part in str(value).split("-"))
    if not 1024 <= low < high <= 65535:
        raise ValueError
    if low % 2 or not high % 2:
        raise Expected("an even first port and an odd last one (RTP on the even port, RTCP on the next): 20000-29999")
    return low, high


def _read_advertised(value: object) -> str:
    if isinstance(value, str) and (value == "auto" or is_address(value) or is_domain(value)):
        return value
    raise ValueError


def read_http(value: object) -> tuple[str, int] | None:
    return None if value == "" else split_host_port(str(value))


def read_session(value: object) -> int:
    seconds = whole(value)
    if seconds and not 90 <= seconds <= 86_400:
        raise ValueError
    return seconds


def read_token(value: object) -> str:
    if isinstance(value, str) and (value == "" or (len(value) >= 16 and value.isascii() and value.isprintable())):
        return value
    raise ValueError


def read_url(value: object) -> str:
    address = text(value).rstrip("/")
    parts = urlsplit(address)
    if address and (parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.username):
        raise ValueError
    return address


def read_domain(value: object) -> str:
    if isinstance(value, str) and (value == "" or is_address(value) or is_domain(value)):
        return value.lower()
    raise ValueError


def read_node(value: object) -> str:
    if isinstance(value, str) and len(value) == 1 and value.isascii() and value.isalnum():
        return value
    raise ValueError


def read_origins(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [one.strip() for one in value.split(",") if one.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError
    for one in value:
        if text(one) != "*" and (not one.startswith(("http://", "https://")) or one.count("/") != 2):
            raise Expected(f"scheme and host only, as browsers send it, in place of {one!r}: https://crm.example.com")
    return tuple(one.lower() for one in value)


def _read_optional_path(value: object) -> Path | None:
    return None if value == "" else path(value)


LISTEN = Rule(
    'a list of addresses such as "udp://0.0.0.0:5060" or "tcp://[::]:5060"',
    _read_listen,
    lambda value: [str(one) for one in value],
)
ADVERTISED = Rule('"auto", an IP address or a host name', _read_advertised)
OPTIONAL_PATH = Rule('a path in quotes, or ""', _read_optional_path, lambda value: "" if value is None else str(value))
SECONDS_LONG = number_in(1, 86_400, "seconds")


def read_digest(value: object) -> tuple[str, ...]:
    names = tuple(str(one).upper() for one in value) if isinstance(value, list) else ()
    if not names or len(set(names)) != len(names) or not set(names) <= {"SHA-256", "MD5"}:
        raise ValueError
    return names


def read_recording_name(value: object) -> str:
    try:
        return checked_name(text(value))
    except (KeyError, IndexError, AttributeError):
        raise ValueError from None
