"""Certificates for TLS (RFC 3261 section 26.2.1): ours by name, read again when changed; those of servers we dial."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from softswitch.errors import SoftswitchError

HINT: Final = (
    "Give a PEM file with the certificate (and its chain) and one with its key; for a first try: softswitch certificate"
)
VERIFY: Final = {"off": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class CertificateError(SoftswitchError):
    """A certificate cannot be used. The message says which file and why; `hint` says what to do."""

    def __init__(self, message: str, hint: str = HINT) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, frozen=True)
class TlsSettings:
    """Where certificates are. `key` None: in the file of the certificate. `folder`: further ones, `*.pem` with chain and key.

    `clients`: whether clients must show a certificate that `client_ca` has signed: "off" | "optional" | "required".
    `authorities`: who signs the certificates of servers that we dial; None: those whom the system trusts.
    """

    certificate: Path
    key: Path | None = None
    folder: Path | None = None
    clients: str = "off"
    client_ca: Path | None = None
    authorities: Path | None = None


class Certificates:
    """The TLS contexts that new connections get. `reload` replaces them; connections that are up keep theirs."""

    def __init__(self, settings: TlsSettings) -> None:
        """Raises CertificateError."""
        self._settings = settings
        self.context: ssl.SSLContext
        self._dialling: ssl.SSLContext | None = None
        self._seen: tuple[Any, ...] = ()
        self.reload()

    def reload(self) -> bool:
        """Read the files again if one has changed; whether one had. Raises CertificateError, and then keeps what it had."""
        seen = tuple(_stamp(path) for path in self._files())
        if seen == self._seen:
            return False
        settings = self._settings
        main = _context(settings, settings.certificate, settings.key)
        by_name = {
            name: context
            for path in _more(settings.folder)
            for context in [_context(settings, path, None)]
            for name in names_of(path)
        }
        if by_name:

            def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
                wanted = (name or "").lower()
                parent = "*." + wanted.partition(".")[2]
                if (context := by_name.get(wanted) or by_name.get(parent)) is not None:
                    connection.context = context

            main.sni_callback = choose
        self.context, self._seen, self._dialling = main, seen, None
        return True

    def dialling(self) -> ssl.SSLContext:
        """For connections that we dial: the server's certificate must be for the name dialled; ours is shown if it asks.

        Made when first needed: reading whom the system trusts takes a while. Raises CertificateError.
        """
        if self._dialling is None:
            settings = self._settings
            try:
                context = ssl.create_default_context(cafile=settings.authorities)
                context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
            except OSError as error:
                name = settings.authorities or settings.certificate
                raise CertificateError(f"{name}: {error.strerror or error}.") from None
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._dialling = context
        return self._dialling

    def _files(self) -> Sequence[Path]:
        settings = self._settings
        single = (settings.certificate, settings.key, settings.client_ca, settings.authorities)
        return [*(path for path in single if path is not None), *_more(settings.folder)]


def _more(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("*.pem")) if folder is not None else []


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}.") from None
    return str(path), status.st_mtime_ns, status.st_size


def _context(settings: TlsSettings, certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")  # Never ask at the terminal.
    except OSError as error:
        name = certificate if key is None else f"{certificate} with key {key}"
        raise CertificateError(f"{name}: {error.strerror or error}.") from None
    context.verify_mode = VERIFY[settings.clients]
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except OSError as error:
            raise CertificateError(f"{settings.client_ca}: {error.strerror or error}.", "Give a PEM file.") from None
    return context


def names_of(path: Path) -> list[str]:
    """The host names that a certificate is for. Raises CertificateError."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError) as error:
        raise CertificateError(f"{path}: {error}.") from None
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def self_signed(names: Sequence[str], days: int = 825) -> tuple[bytes, bytes]:
    """(certificate, key) in PEM for host names and addresses, signed by itself."""
    import datetime
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
