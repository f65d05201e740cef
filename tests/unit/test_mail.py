"""Messages of mailboxes as e-mail: what they say, and a server of the test's own that takes them, or does not."""

from __future__ import annotations

import asyncio
import socket
import ssl
import wave
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from softswitch.check import check
from softswitch.config import load_config
from softswitch.config.voicemail import MailSettings
from softswitch.errors import ConfigError
from softswitch.integrations import retrying
from softswitch.integrations.mail import Letter, Outbox, Refused, compose, deliver
from softswitch.net.tls import self_signed

LEFT_AT = 1_795_354_200.0  # 2026-11-22 14:30 in Warsaw


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "message.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(range(256)) * 100)
    return path


@pytest.fixture
def letter(audio: Path) -> Letter:
    return Letter(
        7, "101", "Anna", ("anna@example.com",), "600100200", "Jan Nowak", LEFT_AT, 69.4, "pl", "Europe/Warsaw", "", audio
    )  # fmt: skip


class Server:
    """An SMTP server on loopback. `answers`: what it says to the end of a mail, one after the other."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.answers: list[str] = []
        self.recipient = "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.mails.append(envelope)
        return answer


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def run(server: Server, **options: Any) -> Iterator[MailSettings]:
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    yield MailSettings(host="127.0.0.1", port=controller.port, security="off", sender="pbx@example.com", timeout=10.0)
    controller.stop()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def settings(server: Server) -> Iterator[MailSettings]:
    yield from run(server)


def received(server: Server) -> Any:
    (envelope,) = server.mails
    assert isinstance(envelope.content, bytes)
    return message_from_bytes(envelope.content, policy=policy.default)


# --- what it says ----------------------------------------------------------------------------------------------------


def test_a_mail_in_polish(letter: Letter, audio: Path) -> None:
    found = message_from_bytes(compose(letter, "pbx@example.com").as_bytes(), policy=policy.default)
    assert found["Subject"] == "Wiadomość głosowa od Jan Nowak (600100200) (1:09)"
    assert (found["From"], found["To"]) == ("pbx@example.com", "anna@example.com")
    assert found["Auto-Submitted"] == "auto-generated"
    text, attached = found.iter_parts()  # type: ignore[attr-defined]
    assert "Skrzynka: 101 (Anna)" in text.get_content() and "2026-11-22 14:30" in text.get_content()
    assert attached.get_content_type() == "audio/x-wav" and attached.get_filename() == "20261122-143000-600100200.wav"
    assert attached.get_content() == audio.read_bytes()


def test_a_mail_in_english_without_the_audio(letter: Letter) -> None:
    found = compose(
        replace(letter, language="en", caller="", caller_name="", audio=None, queue="sales"), "p@example.com"
    )
    assert found["Subject"] == "Voice message from an unknown number (1:09)"
    assert "Queue: sales" in found.get_content() and "Call the mailbox" in found.get_content()


@pytest.mark.parametrize(
    "name", ["Jan\r\nBcc: all@example.com", "x\0y\n\n<script>", "\u2028Subject: other", "ż" * 5_000]
)
def test_no_header_begins_in_a_name(letter: Letter, name: str) -> None:
    data = compose(replace(letter, caller_name=name, caller=f"1{name}"), "pbx@example.com").as_bytes()
    found = message_from_bytes(data, policy=policy.default)
    assert found["Bcc"] is None and len(found.get_all("Subject")) == 1  # type: ignore[arg-type]
    assert not [line for line in data.split(b"\r\n\r\n")[0].split(b"\r\n") if line.lower().startswith(b"bcc")]
    assert "/" not in found.get_payload()[1].get_filename()  # type: ignore[union-attr, index]


# --- the way ---------------------------------------------------------------------------------------------------------


def test_the_server_gets_what_was_said(server: Server, settings: MailSettings, letter: Letter, audio: Path) -> None:
    deliver(letter, settings, "pbx@example.com")
    found = received(server)
    assert next(iter(found.iter_attachments())).get_content() == audio.read_bytes()
    assert server.mails[0].rcpt_tos == ["anna@example.com"] and server.mails[0].mail_from == "pbx@example.com"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_logged_in(server: Server, letter: Letter, tmp_path: Path, security: str) -> None:
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(b"".join(self_signed(["localhost", "127.0.0.1"])))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tried: list[tuple[bytes, bytes]] = []

    def check(_: Any, __: Any, ___: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        tried.append((data.login, data.password))
        return AuthResult(success=data.password == b"hush-hush")

    options: dict[str, Any] = {"authenticator": check, "auth_required": True}
    options |= (
        {"ssl_context": context, "auth_require_tls": False}
        if security == "tls"
        else {"tls_context": context, "require_starttls": True}
    )
    (tmp_path / "password").write_text("hush-hush\n")
    for plain in run(server, **options):
        secure = replace(
            plain, host="localhost", security=security, ca=certificate, user="pbx", password_file=tmp_path / "password"
        )  # fmt: skip
        deliver(letter, secure, "pbx@example.com")
        with pytest.raises(ssl.SSLError):
            deliver(letter, replace(secure, ca=None), "pbx@example.com")  # Nobody vouches for it.
    assert tried == [(b"pbx", b"hush-hush")] and len(server.mails) == 1


@pytest.mark.parametrize(("recipient", "answer"), [("550 no such user", ""), ("250 OK", "552 too big")])
def test_a_refusal_for_good(
    server: Server, settings: MailSettings, letter: Letter, recipient: str, answer: str
) -> None:
    server.recipient, server.answers = recipient, [answer] if answer else []
    with pytest.raises(Refused, match=r"55[02]"):
        deliver(letter, settings, "pbx@example.com")


# --- the queue -------------------------------------------------------------------------------------------------------


class Told:
    def __init__(self) -> None:
        self.said: list[tuple[int, int, str]] = []
        self.more = asyncio.Event()

    def __call__(self, letter: Letter, attempts: int, error: str) -> None:
        self.said.append((letter.message, attempts, error))
        self.more.set()


async def sent(outbox: Outbox, told: Told) -> None:
    task = asyncio.create_task(outbox.run())
    await asyncio.wait_for(told.more.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_mail_is_tried_again(
    server: Server, settings: MailSettings, letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "FIRST", 0.01)
    server.answers = ["451 later", "451 later"]
    told = Told()
    outbox = Outbox(settings, lambda: "pbx@example.com", told)
    outbox.add(letter)
    await sent(outbox, told)
    assert told.said == [(7, 3, "")] and len(server.mails) == 1 and len(outbox) == 0 and outbox.trouble == ""


@pytest.mark.parametrize("case", ["refused", "too late", "no file"])
async def test_a_mail_is_given_up(server: Server, settings: MailSettings, letter: Letter, case: str) -> None:
    if case == "refused":
        server.recipient = "550 no such user"
    elif case == "too late":
        settings = replace(settings, host="127.0.0.1", port=free_port(), give_up_hours=0.0)
    else:
        letter = replace(letter, audio=Path("/nowhere/message.wav"))
    told = Told()
    outbox = Outbox(settings, lambda: "pbx@example.com", told)
    outbox.add(letter)
    await sent(outbox, told)
    ((number, attempts, error),) = told.said
    assert (number, attempts) == (7, 1) and error and len(outbox) == 0


async def test_a_server_that_is_down_blocks_nothing(settings: MailSettings, letter: Letter) -> None:
    told = Told()
    outbox = Outbox(replace(settings, port=free_port()), lambda: "pbx@example.com", told)
    task = asyncio.create_task(outbox.run())
    outbox.add(letter)
    for _ in range(200):
        if outbox.trouble:
            break
        await asyncio.sleep(0.02)
    assert "refused" in outbox.trouble.lower() and len(outbox) == 1 and told.said == []
    outbox.drop(7)
    assert len(outbox) == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- the configuration -----------------------------------------------------------------------------------------------


def test_what_cannot_work_is_told_before(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.toml"
    file.write_text('[mail]\nhost = "smtp.example.com"\nuser = "pbx"\nsecurity = "off"\n')
    with pytest.raises(ConfigError) as raised:
        load_config(file, environ={})
    assert "mail.password_file" in str(raised.value) and "mail.security" in str(raised.value)
    file.write_text('[mail]\nhost = "smtp.example.com"\nuser = "pbx"\npassword_file = "secret"\n')
    config = load_config(file, environ={})
    assert (config.mail.password_file, config.mail.usual_port) == (tmp_path / "secret", 587)
    assert config.voicemail.folder == tmp_path / "voicemail"
    found = {one.what: one for one in check(config)}
    assert "cannot be read" in found["mail"].problem and "[mail]" in found["mail"].hint
    (tmp_path / "secret").write_text("hush")
    assert {one.what: one for one in check(config)}["mail"].detail == "smtp.example.com:587, starttls"
