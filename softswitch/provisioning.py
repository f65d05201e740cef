"""Settings of telephones, ready to paste: what docs/phones says of each family, for an account of this switch (ADM-09).

The switch knows digests of passwords only. Where a phone takes one of those (Linphone) it is given it; elsewhere `PASSWORD`
stands where the password belongs, unless it is known because it has just been made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final

from softswitch.directory import Account, Directory
from softswitch.edit import EditError
from softswitch.net.address import join_host_port

if TYPE_CHECKING:
    from softswitch.config import Config

PASSWORD: Final = "PASSWORD"  # where it belongs, when it is not known
USUAL: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
TRANSPORTS: Final = tuple(USUAL)
YEALINK_TRANSPORTS: Final = {"udp": 0, "tcp": 1, "tls": 2}


@dataclass(slots=True, frozen=True)
class Place:
    """Where phones reach the switch: a host, and a port for each transport that it listens on."""

    host: str
    ports: Mapping[str, int]

    def choose(self, transport: str = "") -> str:
        """The transport to use; "" = UDP where there is one. Raises EditError."""
        chosen = transport or next((one for one in TRANSPORTS if one in self.ports), "")
        if chosen not in self.ports:
            raise EditError(
                f"The switch does not listen on {(transport or 'any of UDP, TCP, TLS').upper()} for phones.",
                f"It listens on: {', '.join(self.ports)}. See sip.listen in softswitch.toml.",
            )
        return chosen


@dataclass(slots=True, frozen=True)
class Sheet:
    """Settings for one family of phones: what is set where by hand, and the same as a file where the phone reads one."""

    family: str
    title: str
    fields: Sequence[tuple[str, str]]
    file: str = ""
    file_name: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "family": self.family, "title": self.title, "file": self.file, "file_name": self.file_name,
            "fields": [{"label": label, "value": value} for label, value in self.fields],
        }  # fmt: skip


@dataclass(slots=True, frozen=True)
class Phone:
    """What a phone has to be told."""

    account: Account
    site: Directory
    host: str
    port: int
    transport: str
    password: str = PASSWORD
    codes: Mapping[str, str] = field(default_factory=dict)  # action -> code of the site

    @property
    def user(self) -> str:
        return self.account.user

    @property
    def name(self) -> str:
        return self.account.name or self.account.user

    @property
    def secure(self) -> bool:
        """Whether the audio is encrypted: over TLS the keys are safe in the signalling."""
        return self.transport == "tls"

    @property
    def server(self) -> str:
        """Host and port, where a phone has one field for both."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 5060 and self.transport != "tls" else f"{host}:{self.port}"


def place_of(config: Config) -> Place:
    """Where phones reach a switch with these settings."""
    from softswitch.running import host

    ports: dict[str, int] = {}
    named = "" if config.sip.advertised == "auto" else config.sip.advertised
    for one in config.sip.listen:
        if one.transport in USUAL:
            ports.setdefault(one.transport, one.advertised_port or one.port)
            named = named or one.advertised_host or ("" if one.host in host.WILDCARDS else one.host)
    return Place(named or host.primary_address(), ports)


def pages_address(config: Config) -> str:
    """Where the pages are reached: `http.url`, else by `http.listen`; "" where they are switched off."""
    if config.http.url or config.http.listen is None:
        return config.http.url.rstrip("/")
    host, port = config.http.listen
    if host in ("0.0.0.0", "::"):
        host = place_of(config).host
    return f"{'https' if config.http.tls else 'http'}://{join_host_port(host, port)}"


def phone_of(site: Directory, user: str, place: Place, transport: str = "", password: str = "") -> Phone:
    """What a phone of an account has to be told. Raises EditError."""
    account = site.accounts.get(user)
    if account is None:
        raise EditError(f"There is no account {user!r}.", "See: softswitch account list", kind="unknown")
    if not transport and account.srtp == "required" and "tls" in place.ports:
        transport = "tls"
    chosen = place.choose(transport)
    codes: dict[str, str] = {}
    for code, action in site.feature_codes.items():
        codes.setdefault(action, code)
    return Phone(account, site, place.host, place.ports[chosen], chosen, password or PASSWORD, codes)


def sheets(phone: Phone) -> list[Sheet]:
    """Every family that there is a tested page for in docs/phones."""
    return [_yealink(phone), _snom(phone), _grandstream(phone), _linphone(phone), _microsip(phone), _baresip(phone)]


def _yealink(phone: Phone) -> Sheet:
    lines = {
        "account.1.enable": "1", "account.1.label": phone.user, "account.1.display_name": phone.name,
        "account.1.user_name": phone.user, "account.1.auth_name": phone.user, "account.1.password": phone.password,
        "account.1.sip_server.1.address": phone.host, "account.1.sip_server.1.port": str(phone.port),
        "account.1.sip_server.1.transport_type": str(YEALINK_TRANSPORTS[phone.transport]),
        "account.1.srtp_encryption": "2" if phone.secure else "0", "account.1.dtmf.type": "1",
        "voice_mail.number.1": phone.codes.get("voicemail.own", ""), "account.1.subscribe_mwi": "1",
        "features.pickup.direct_pickup_code": phone.codes.get("pickup.directed", ""),
        "features.pickup.group_pickup_code": phone.codes.get("pickup.group", ""),
        "account.1.nat.udp_update_enable": "1", "account.1.nat.udp_update_time": "30",
    }  # fmt: skip
    file = "#!version:1.0.0.1\n" + "".join(f"{key} = {value}\n" for key, value in lines.items() if value)
    fields = [
        ("Account > Register > Register Name, User Name", phone.user), ("... > Password", phone.password),
        ("... > SIP Server 1 > Server Host", phone.host), ("... > Port", str(phone.port)),
        ("... > Transport", phone.transport.upper()),
        ("Account > Advanced > RTP Encryption (SRTP)", "Compulsory" if phone.secure else "Disabled"),
        ("Account > Advanced > DTMF Type", "RFC2833"),
        ("Account > Advanced > Voice Mail", phone.codes.get("voicemail.own", "")),
    ]  # fmt: skip
    return _sheet("yealink", "Yealink", fields, file, f"{phone.user}.cfg")


def _snom(phone: Phone) -> Sheet:
    outbound = {"udp": "", "tcp": f"{phone.server};transport=tcp", "tls": f"{phone.server};transport=tls"}[
        phone.transport
    ]
    lines = {
        "user_realname1": phone.name, "user_name1": phone.user, "user_pass1": phone.password,
        "user_host1": phone.host if outbound else phone.server, "user_outbound1": outbound,
        "user_srtp1": "on" if phone.secure else "off", "user_savp1": "mandatory" if phone.secure else "off",
        "codec_priority_list1": "g722,pcma,pcmu,telephone-event", "user_dtmf_info1": "off",
        "user_mailbox1": phone.codes.get("voicemail.own", ""), "keepalive_interval1": "30",
    }  # fmt: skip
    file = "".join(f"{key}: {value}\n" for key, value in lines.items() if value)
    fields = [
        ("Identity 1 > Login > Account", phone.user), ("... > Password", phone.password),
        ("... > Registrar", phone.host if outbound else phone.server), ("... > Outbound Proxy", outbound),
        ("Identity 1 > RTP > RTP Encryption; RTP/SAVP", "on; mandatory" if phone.secure else "off; off"),
        ("Identity 1 > Login > Mailbox", phone.codes.get("voicemail.own", "")),
    ]  # fmt: skip
    return _sheet("snom", "Snom", fields, file, f"{phone.user}.cfg")


def _grandstream(phone: Phone) -> Sheet:
    fields = [
        ("Accounts > Account 1 > General Settings > Account Active", "Yes"), ("... > SIP Server", phone.server),
        ("... > SIP User ID", phone.user), ("... > SIP Authentication ID", phone.user),
        ("... > Authenticate Password", phone.password), ("... > Name", phone.name),
        ("... > Voice Mail Access Number", phone.codes.get("voicemail.own", "")),
        ("SIP Settings > Basic Settings > SIP Transport", "TLS/TCP" if phone.secure else phone.transport.upper()),
        ("Audio Settings > SRTP Mode", "Enabled And Forced" if phone.secure else "Disabled"),
        ("Audio Settings > DTMF", "via RTP (RFC2833)"),
        ("Call Settings > BLF Call-pickup Prefix", phone.codes.get("pickup.directed", "")),
    ]  # fmt: skip
    return _sheet("grandstream", "Grandstream", fields)


def _linphone(phone: Phone) -> Sheet:
    fields = [
        ("Use a third-party SIP account > Username", phone.user), ("... > Password", phone.password),
        ("... > Domain", phone.host), ("... > Transport", phone.transport.upper()),
        ("Account settings > SIP server address", _server_uri(phone)),
        ("Calls > Media encryption", "SRTP" if phone.secure else "None"), ("... > Mandatory", "on" if phone.secure else ""),
    ]  # fmt: skip
    return _sheet("linphone", "Linphone", fields)


def _microsip(phone: Phone) -> Sheet:
    fields = [
        ("SIP Server", phone.server), ("Username", phone.user), ("Domain", phone.server), ("Login", phone.user),
        ("Password", phone.password), ("Display Name", phone.name), ("Transport", phone.transport.upper()),
        ("Media Encryption", "Mandatory SRTP (RTP/SAVP)" if phone.secure else "Disabled"),
        ("Voicemail Number", phone.codes.get("voicemail.own", "")),
    ]  # fmt: skip
    return _sheet("microsip", "MicroSIP", fields)


def _baresip(phone: Phone) -> Sheet:
    quoted = phone.password if phone.password.isalnum() else f'"{phone.password}"'
    if phone.transport == "udp":
        line = f"<sip:{phone.user}@{phone.server}>;auth_pass={quoted}"
    else:
        way = f"transport={phone.transport}"
        line = (
            f'<sip:{phone.user}@{phone.host};{way}>;auth_pass={quoted};outbound="{_server_uri(phone)}"'
            + (";mediaenc=srtp-mand" if phone.secure else "")
        )  # fmt: skip
    return _sheet("baresip", "baresip", [("~/.baresip/accounts", line)], f"{line}\n", "accounts")


def _sheet(family: str, title: str, fields: Sequence[tuple[str, str]], file: str = "", name: str = "") -> Sheet:
    return Sheet(family, title, [(label, value) for label, value in fields if value], file, name)


def _server_uri(phone: Phone) -> str:
    host = f"[{phone.host}]" if ":" in phone.host else phone.host
    way = "" if phone.transport == "udp" else f";transport={phone.transport}"
    return f"sip:{host}:{phone.port}{way}"


# --- Linphone's remote provisioning -------------------------------------------------------------------------------------


def linphone_xml(phone: Phone) -> str:
    """The account as Linphone fetches it: an XML form of its `linphonerc`, with digests in place of the password."""
    account, domain = phone.account, phone.site.domain
    server = _server_uri(phone)
    voicemail = phone.codes.get("voicemail.own", "")
    sections: list[tuple[str, dict[str, str]]] = [
        ("sip", {
            "default_proxy": "0", "media_encryption": "srtp" if phone.secure else "none",
            "media_encryption_mandatory": "1" if phone.secure else "0", "use_rfc2833": "1", "use_info": "0",
        }),
        ("proxy_0", {
            "reg_proxy": f"<{server}>", "reg_route": f"<{server};lr>",
            "reg_identity": f'"{_quoted(phone.name)}" <sip:{phone.user}@{phone.host}>', "reg_expires": "3600",
            "reg_sendregister": "1", "publish": "0", "avpf": "0", "quality_reporting_enabled": "0",
            **({"voicemail_uri": f"sip:{voicemail}@{phone.host}"} if voicemail else {}),
        }),
    ]  # fmt: skip
    digests = [("MD5", account.ha1_md5), ("SHA-256", account.ha1_sha256)]
    for number, (algorithm, digest) in enumerate((name, one) for name, one in digests if one):
        sections.append(
            (f"auth_info_{number}", {
                "username": phone.user, "userid": phone.user, "ha1": digest, "realm": domain, "domain": domain,
                "algorithm": algorithm,
            })
        )  # fmt: skip
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<config xmlns="http://www.linphone.org/xsds/lpconfig.xsd">']
    for name, entries in sections:
        lines.append(f'  <section name="{escape(name)}">')
        lines += [
            f'    <entry name="{escape(key)}" overwrite="true">{escape(one)}</entry>' for key, one in entries.items()
        ]
        lines.append("  </section>")
    return "\n".join([*lines, "</config>"]) + "\n"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def qr_svg(text: str) -> str:
    """A QR code as SVG, dark on white in any theme, with the quiet zone that cameras need (ISO/IEC 18004)."""
    import segno

    made: str = segno.make(text, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff")
    return made


def qr_text(text: str) -> str:
    """The same for a terminal."""
    from io import StringIO

    import segno

    output = StringIO()
    segno.make(text, error="m").terminal(output, compact=True)
    return output.getvalue()
