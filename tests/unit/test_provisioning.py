"""Settings for phones: those that the pages of docs/phones name, with the values of the account."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.directory import Directory
from softswitch.edit import EditError
from softswitch.provisioning import PASSWORD, Phone, Place, linphone_xml, phone_of, qr_svg, qr_text, sheets
from softswitch.store.demo import demo_site
from tests.unit.store.seeded import SeededEntropy

DOCS = Path(__file__).resolve().parents[2] / "docs" / "phones"
SITE: Directory = demo_site(SeededEntropy(), "pbx.example.com").directory
PLACE = Place("192.0.2.10", {"udp": 5060, "tcp": 5060, "tls": 5061})


def sheet(family: str, phone: Phone) -> tuple[str, dict[str, str]]:
    found = next(one for one in sheets(phone) if one.family == family)
    return found.file, dict(found.fields)


@pytest.mark.parametrize("family", ["yealink", "snom"])
def test_files_are_made_of_the_settings_that_the_page_names(family: str) -> None:
    page = (DOCS / f"{family}.md").read_text(encoding="utf-8")
    named = {"account.1.enable", "account.1.label", "account.1.display_name", "user_realname1"}
    for transport in PLACE.ports:
        file, _ = sheet(family, phone_of(SITE, "101", PLACE, transport))
        keys = {re.split(r" = |: ", line)[0] for line in file.splitlines() if not line.startswith("#")}
        assert {one for one in keys - named if one not in page} <= {"user_pass1", "user_name1", "user_mailbox1"} - set(
            page.split()
        )


def test_transports() -> None:
    file, fields = sheet("yealink", phone_of(SITE, "101", PLACE, "tls", "a secret"))
    assert "account.1.sip_server.1.transport_type = 2\n" in file and "account.1.sip_server.1.port = 5061\n" in file
    assert "account.1.password = a secret\n" in file and fields["... > Transport"] == "TLS"
    assert sheet("baresip", phone_of(SITE, "101", PLACE))[0] == f"<sip:101@192.0.2.10>;auth_pass={PASSWORD}\n"
    assert (
        'outbound="sip:192.0.2.10:5061;transport=tls";mediaenc=srtp-mand'
        in sheet("baresip", phone_of(SITE, "101", PLACE, "tls"))[0]
    )
    other = Place("2001:db8::1", {"udp": 5070})
    assert sheet("microsip", phone_of(SITE, "101", other))[1]["SIP Server"] == "[2001:db8::1]:5070"
    with pytest.raises(EditError, match="does not listen on TLS"):
        phone_of(SITE, "101", other, "tls")
    with pytest.raises(EditError, match="no account"):
        phone_of(SITE, "999", PLACE)


def test_an_account_that_wants_encryption_is_told_tls() -> None:
    accounts = {**SITE.accounts, "101": replace(SITE.accounts["101"], srtp="required")}
    assert phone_of(replace(SITE, accounts=accounts), "101", PLACE).transport == "tls"


def test_linphone_is_given_digests_and_whatever_a_name_holds_stays_a_name() -> None:
    name = 'Anna "<&>" Nowak\\'
    account = replace(SITE.accounts["101"], name=name)
    site = replace(SITE, accounts={**SITE.accounts, "101": account})
    tree = ElementTree.fromstring(linphone_xml(phone_of(site, "101", PLACE)))
    space = "{http://www.linphone.org/xsds/lpconfig.xsd}"
    values = {
        (section.get("name"), entry.get("name")): entry.text
        for section in tree.iter(f"{space}section")
        for entry in section.iter(f"{space}entry")
    }
    assert values["auth_info_0", "ha1"] == account.ha1_md5 and values["auth_info_1", "ha1"] == account.ha1_sha256
    assert values["auth_info_1", "algorithm"] == "SHA-256" and values["auth_info_0", "realm"] == "pbx.example.com"
    assert values["proxy_0", "reg_identity"] == '"Anna \\"<&>\\" Nowak\\\\" <sip:101@192.0.2.10>'
    assert values["proxy_0", "reg_proxy"] == "<sip:192.0.2.10:5060>"


def test_qr_codes() -> None:
    url = "https://pbx.example.com/provision/" + "x" * 43
    assert (
        qr_svg(url).startswith("<svg") and "<script" not in qr_svg(url) and "█" in qr_text(url).replace("\x1b[7m", "█")
    )
