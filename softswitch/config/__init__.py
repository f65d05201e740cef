"""softswitch.toml: what belongs to the host, as frozen dataclasses.

Listeners, media addresses, paths, limits. The site (accounts, queues, menus, ...) is not here: it lives in the store. Every
setting is declared once, with its default, its rule and the comment that `init` writes above it. Environment variables
`SOFTSWITCH_<SECTION>_<KEY>` overrule the file; `SOFTSWITCH_<SECTION>_<KEY>_FILE` names a file that holds the value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from softswitch.address import (
    is_loopback,
    join,
)
from softswitch.config.lookup import LookupSettings
from softswitch.config.lookup import check as check_lookup
from softswitch.config.network import Dns, Nat
from softswitch.config.sections import (
    Http,
    Limits,
    Log,
    Media,
    Paths,
    Recording,
    Records,
    Registrar,
    Shutdown,
    Sip,
    Tls,
    Trace,
)
from softswitch.config.security import Security
from softswitch.config.services import SmsSettings, WebSettings
from softswitch.config.services import check as check_services
from softswitch.config.voicemail import MailSettings, VoicemailSettings
from softswitch.config.voicemail import check as check_mail
from softswitch.decode import (
    Problems,
    decode,
    encode_value,
    secret,
)
from softswitch.toml import read_toml, toml_value

FILE_NAME: Final = "softswitch.toml"
ENVIRONMENT: Final = "SOFTSWITCH_"
NOT_SETTINGS: Final = frozenset({"SOFTSWITCH_CONFIG", "SOFTSWITCH_SHARED"})  # used by the CLI and by the tests
SOCKET_PATH_MAX: Final = 107  # bytes of sockaddr_un.sun_path without its NUL


@dataclass(slots=True, frozen=True)
class Config:
    """The whole of softswitch.toml, with absolute paths. `file` is where it was read ("" = defaults only)."""

    sip: Sip = field(default_factory=Sip)
    tls: Tls = field(default_factory=Tls)
    registrar: Registrar = field(default_factory=Registrar)
    dns: Dns = field(default_factory=Dns)
    nat: Nat = field(default_factory=Nat)
    media: Media = field(default_factory=Media)
    paths: Paths = field(default_factory=Paths)
    limits: Limits = field(default_factory=Limits)
    security: Security = field(default_factory=Security)
    http: Http = field(default_factory=Http)
    log: Log = field(default_factory=Log)
    trace: Trace = field(default_factory=Trace)
    recording: Recording = field(default_factory=Recording)
    voicemail: VoicemailSettings = field(default_factory=VoicemailSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    web: WebSettings = field(default_factory=WebSettings)
    sms: SmsSettings = field(default_factory=SmsSettings)
    lookup: LookupSettings = field(default_factory=LookupSettings)
    records: Records = field(default_factory=Records)
    shutdown: Shutdown = field(default_factory=Shutdown)


SECTIONS: Final[Mapping[str, type]] = {
    "sip": Sip, "tls": Tls, "registrar": Registrar, "dns": Dns, "nat": Nat, "media": Media, "paths": Paths,
    "limits": Limits, "security": Security, "http": Http, "log": Log, "trace": Trace, "recording": Recording,
    "voicemail": VoicemailSettings, "mail": MailSettings, "web": WebSettings, "sms": SmsSettings, "lookup": LookupSettings,
    "records": Records, "shutdown": Shutdown,
}  # fmt: skip


# --- reading -------------------------------------------------------------------------------------------------------


def load_config(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """The effective configuration: defaults, then the file, the environment, and `overrides` ("sip.listen": ...).

    Raises ConfigError that lists every mistake.
    """
    data: dict[str, Any] = read_toml(file) if file else {}
    name = str(file) if file else "defaults"
    problems = Problems(name)
    for key, value in _from_environment(os.environ if environ is None else environ, problems):
        _put(data, key, value, problems)
    for key, value in (overrides or {}).items():
        _put(data, key, value, problems)
    config = decode(Config, data, problems)
    if config is not None:
        config = _absolute(config, (file.parent if file else Path()).resolve())
        _check(config, problems)
    problems.check()
    assert config is not None  # decode() reports why it gives none
    return config


def find_config(environ: Mapping[str, str] | None = None) -> Path | None:
    """softswitch.toml: $SOFTSWITCH_CONFIG, this folder, the user's configuration folder, /etc/softswitch."""
    environ = os.environ if environ is None else environ
    if named := environ.get("SOFTSWITCH_CONFIG"):
        return Path(named)
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    places = (Path(FILE_NAME), home / "softswitch" / FILE_NAME, Path("/etc/softswitch") / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def _from_environment(environ: Mapping[str, str], problems: Problems) -> Iterator[tuple[str, str]]:
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT) or name in NOT_SETTINGS:
            continue
        section, _, key = name.removeprefix(ENVIRONMENT).lower().partition("_")
        known = _keys(section)
        if key not in known and key.removesuffix("_file") in known:
            try:
                value = Path(environ[name]).read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                problems.add(name, environ[name], "a readable file", what=f"cannot be read: {error}")
                continue
            yield f"{section}.{key.removesuffix('_file')}", value
        elif key in known:
            yield f"{section}.{key}", environ[name]
        else:
            names = [f"{ENVIRONMENT}{one}_{other}".upper() for one in SECTIONS for other in _keys(one)]
            problems.unknown(name, environ[name], names, noun="environment variable")


def _keys(section: str) -> list[str]:
    return [one.name for one in fields(SECTIONS[section])] if section in SECTIONS else []


def _put(data: dict[str, Any], key: str, value: Any, problems: Problems) -> None:
    section, _, name = key.partition(".")
    table = data.setdefault(section, {})
    if isinstance(table, dict):  # Otherwise decode() complains about the section itself.
        table[name] = value


def _absolute(config: Config, base: Path) -> Config:
    def full(value: Path | None) -> Path | None:
        return None if value is None else base / value.expanduser()

    paths: dict[str, Any] = {one.name: full(getattr(config.paths, one.name)) for one in fields(Paths)}
    tls: dict[str, Any] = {
        name: full(getattr(config.tls, name)) for name in ("certificate", "key", "folder", "client_ca", "authorities")
    }
    recording = replace(config.recording, folder=base / config.recording.folder.expanduser())
    voicemail = replace(config.voicemail, folder=base / config.voicemail.folder.expanduser())
    mail = replace(config.mail, ca=full(config.mail.ca), password_file=full(config.mail.password_file))
    return replace(
        config,
        paths=Paths(**paths),
        recording=recording,
        voicemail=voicemail,
        mail=mail,
        web=replace(config.web, ca=full(config.web.ca)),
        sms=replace(config.sms, authorization_file=full(config.sms.authorization_file)),
        tls=replace(config.tls, **tls),
    )


def _check(config: Config, problems: Problems) -> None:
    """What single values cannot show."""
    check_mail(config.mail, problems)
    check_services(config.sms, problems)
    check_lookup(config.lookup, problems)
    registrar = config.registrar
    if not registrar.minimum <= registrar.default <= registrar.maximum:
        problems.add(
            "registrar.default",
            registrar.default,
            f"minimum <= default <= maximum ({registrar.minimum} <= ... <= {registrar.maximum})",
        )
    if len(os.fsencode(config.paths.socket)) > SOCKET_PATH_MAX:
        problems.add(
            "paths.socket", str(config.paths.socket), f"at most {SOCKET_PATH_MAX} bytes (a limit of Unix sockets)"
        )
    secure = next((one for one in config.sip.listen if one.transport in ("tls", "wss")), None)
    if secure is not None and config.tls.certificate is None:
        problems.add(
            "tls.certificate", "", f"a PEM file, because of {secure} (for a first try: softswitch certificate)"
        )
    if config.tls.clients != "off" and config.tls.client_ca is None:
        problems.add("tls.client_ca", "", f'a PEM file, because tls.clients is "{config.tls.clients}"')
    places = [(one.transport == "udp", one.host, one.port) for one in config.sip.listen if one.port]
    for place in {one for one in places if places.count(one) > 1}:
        problems.add("sip.listen", join(*place[1:]), "one transport on a port (UDP and one of the others)")
    if config.http.tls and config.tls.certificate is None:
        problems.add("tls.certificate", "", "a PEM file, because of http.tls (for a first try: softswitch certificate)")
    if config.http.listen in [(one.host, one.port) for one in config.sip.listen if one.transport != "udp"]:
        problems.add("http.listen", join(*config.http.listen or ("", 0)), "another port than sip.listen")
    elif config.http.listen and not config.http.token and not is_loopback(config.http.listen[0]):
        problems.add(
            "http.listen",
            join(*config.http.listen),
            "127.0.0.1, or a http.token with it: others can reach that address",
        )


# --- writing -------------------------------------------------------------------------------------------------------


def default_toml(values: Mapping[str, Any] | None = None) -> str:
    """The commented template that `init` writes: `values` ("sip.domain": ...) are set, every other setting is shown
    commented out with its default, so that defaults of later versions apply."""
    return _render(Config(), values or {}, all_set=False)


def config_toml(config: Config) -> str:
    """The effective configuration as TOML, every setting written out."""
    return _render(config, {}, all_set=True)


def _render(config: Config, values: Mapping[str, Any], *, all_set: bool) -> str:
    lines = [
        "# softswitch: settings of this host. The site (accounts, queues, menus) is in the database:",
        "# `softswitch export` shows it, `softswitch apply site.toml` changes it.",
        "# SOFTSWITCH_<SECTION>_<KEY> in the environment overrules a line, ..._<KEY>_FILE takes the value from a file.",
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"[{section}]"]
        for one in fields(cls):
            key = f"{section}.{one.name}"
            value = values.get(key, getattr(getattr(config, section), one.name))
            mark = "" if all_set or key in values else "# "
            lines.append(f"# {one.metadata['comment']}")
            if secret(one.name) and value and key not in values:
                lines.append(f"# {one.name} is set")
                continue
            rule = one.metadata["rule"]
            plain = rule.write(value) if rule and key not in values else encode_value(value)
            lines.append(f"{mark}{one.name} = {toml_value(plain)}")
    return "\n".join(lines) + "\n"


def packaged_prompts() -> Path:
    """The prompts we ship: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parents[1] / "prompts"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "prompts"
