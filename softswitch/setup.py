"""Makes new installations: the demo hotline of `init`, the throwaway switch of `lab`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softswitch.config import FILE_NAME, Config, default_toml, load_config
from softswitch.directory import Directory, Hours, User
from softswitch.directory.people import ADMINISTRATOR
from softswitch.entropy import SystemEntropy
from softswitch.errors import SoftswitchError
from softswitch.hours import is_open
from softswitch.passwords import hash_password
from softswitch.store.demo import NewSite, demo_site, empty_site
from softswitch.store.hours_text import write_spans
from softswitch.store.passwords import generate_password
from softswitch.store.site import export_site

if TYPE_CHECKING:
    from softswitch.store import Store

SITE_FILE = "site.toml"
BROWSER_HOST = "127.0.0.1"  # browsers give a microphone to pages of this machine, and to such over https
BROWSER_PORTS = range(5066, 5086)
HTTP_PORTS = 20  # tried for the pages of a demo
DEMO_MEDIA_PORTS = 2_000  # 500 calls, where the default range is taken
MEDIA_STARTS = (*range(10_000, 20_000, 2_000), *range(30_000, 62_000, 2_000))


class SetupError(SoftswitchError):
    """A new installation cannot be made; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, frozen=True)
class Made:
    """What was made, with the passwords that are kept nowhere else."""

    directory: Path
    config: Config
    site: NewSite
    server: str
    people: tuple[tuple[User, str], ...] = ()  # who may log in to the pages, with their passwords

    def as_dict(self) -> dict[str, Any]:
        return {
            "directory": str(self.directory),
            "domain": self.site.directory.domain,
            "server": self.server,
            "port": self.config.sip.listen[0].port,
            "accounts": [
                {
                    "user": one.user,
                    "name": one.name,
                    "password": one.password,
                    "role": f"agent {one.agent}" if one.agent else "extension",
                }
                for one in self.site.credentials
            ],
            "people": [
                {"user": user.name, "name": user.title, "password": password, "role": user.role}
                for user, password in self.people
            ],
            "extensions": dict(self.site.extensions),
            "hours": {name: self._hours(one) for name, one in self.site.directory.hours.items()},
        }

    @staticmethod
    def _hours(hours: Hours) -> dict[str, Any]:
        spans = ", ".join(write_spans(hours.spans))
        return {"spans": spans, "timezone": hours.timezone, "open": is_open(hours, datetime.now(UTC))}


def create_demo(
    directory: Path, *, domain: str, listen: str, language: str, probe: bool = False, empty: bool = False
) -> Made:
    """A new hotline in `directory`. Raises SetupError or ConfigError before anything is written.

    `probe`: try the ports first, so that a busy one is known before passwords are shown; those that phones do not have
    to be told are chosen free. `empty`: no hotline, only an administrator who builds one in the pages.
    """
    from softswitch.running import host

    server = host.primary_address()
    domain = domain or server
    values: dict[str, Any] = {"sip.listen": listen, "sip.domain": domain}
    config = load_config(None, environ={}, overrides=values)
    first = config.sip.listen[0]
    if first.host not in host.WILDCARDS:
        server = first.host
    values["sip.listen"] = [listen]
    if probe:
        values |= _free_ports(config)
        if browsers := _free_port(BROWSER_HOST, BROWSER_PORTS):
            values["sip.listen"].append(f"ws://{BROWSER_HOST}:{browsers}")
    made = empty_site(domain, language) if empty else demo_site(SystemEntropy(), domain, language)
    site, people = _with_people(made)
    return Made(directory, create(directory, values, site), site, server, people)


def _with_people(site: NewSite) -> tuple[NewSite, tuple[tuple[User, str], ...]]:
    """The same site with people who can log in to the pages: an administrator, and the agents."""
    entropy = SystemEntropy()
    wanted = [User("admin", role=ADMINISTRATOR), *(User(one.agent, one.name, agent=one.agent) for one in site.agents())]
    passwords = [generate_password(entropy) for _ in wanted]
    users = [replace(one, digest=hash_password(word)) for one, word in zip(wanted, passwords, strict=True)]
    directory = replace(site.directory, users={one.name: one for one in users})
    return replace(site, directory=directory), tuple(zip(users, passwords, strict=True))


def _free_port(address: str, ports: range) -> int:
    """The first TCP port that is free; 0: none is."""
    from softswitch.net.bind import ListenError, open_tcp

    for port in ports:
        with contextlib.suppress(ListenError):
            open_tcp(address, port).close()
            return port
    return 0


def _free_ports(config: Config) -> dict[str, Any]:
    """Settings that keep out of the way of other programs. Raises SetupError if there is no room for SIP or for RTP."""
    from softswitch.check import free_range, try_media_ports, try_ports
    from softswitch.net.bind import ListenError, open_tcp
    from softswitch.running.host import media_hosts

    values: dict[str, Any] = {}
    assert config.http.listen is not None  # These are the defaults.
    http_host, http_port = config.http.listen
    for port in range(http_port, http_port + HTTP_PORTS):
        try:
            open_tcp(http_host, port).close()
        except ListenError:
            continue
        values["http.listen"] = f"{http_host}:{port}"
        break
    else:
        values["http.listen"] = ""  # No pages rather than no hotline.
    try:
        try_ports(replace(config, http=replace(config.http, listen=None)))
    except ListenError as error:
        raise SetupError(str(error), error.hint.replace("in `sip.listen`", "with --listen")) from None
    try:
        try_media_ports(config)  # A few ports of others are left out; most of the range must be free.
        return values
    except ListenError:
        found = free_range(media_hosts(config)[0], DEMO_MEDIA_PORTS, MEDIA_STARTS)
    if found is not None:
        return values | {"media.ports": f"{found[0]}-{found[1]}"}
    raise SetupError(
        f"No {DEMO_MEDIA_PORTS} consecutive UDP ports are free for RTP.",
        "See who has them: ss -lunp. Or make the site without running it (softswitch init) and set media.ports there.",
    )


def create(directory: Path, values: Mapping[str, Any], site: NewSite, actor: str = "init") -> Config:
    """Write settings, site and database into `directory`, readable by its owner only. Refuses to overwrite."""
    file = directory / FILE_NAME
    if file.exists():
        raise SetupError(
            f"There is a site in {directory}/ already; it is not touched.",
            f"Use it: softswitch serve --config {directory}. Or name another directory.",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_private(file, default_toml(values))
        write_private(directory / SITE_FILE, export_site(site.directory))
    except OSError as error:
        raise SetupError(f"{directory}: {error.strerror}.", "Choose a directory that you may write to.") from None
    try:
        config = load_config(file)
        apply_site(config, site.directory, actor)
    except BaseException:
        file.unlink()  # A site without its database must not look like one.
        raise
    return config


def apply_site(config: Config, site: Directory, actor: str) -> None:
    """Put a site into the database, in a process of its own.

    Making a database imports the migrations with all of SQLAlchemy: 25 MiB that a switch which goes on in this process
    would keep for its whole life.
    """

    async def save() -> None:
        async with opened(config) as store:
            await store.apply_site(site, actor=actor)

    in_child(lambda: asyncio.run(save()))


def in_child(work: Callable[[], object]) -> None:
    """Do something in a forked process; what it raises is raised here. Only before threads and loops exist."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(error, pipe)
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    status = os.waitpid(child, 0)[1]
    if told:
        raise pickle.loads(told)
    if status:
        raise SetupError("The database could not be made.", "See the messages above.")


def stored_site(config: Config) -> Directory | None:
    """The site in the database, None if there is none."""
    if not config.paths.database.exists():
        return None

    async def load() -> Directory | None:
        async with opened(config) as store:
            return (await store.load()).directory

    return asyncio.run(load())


def edit_stored(config: Config, operation: str, arguments: Mapping[str, Any], actor: str) -> dict[str, Any]:
    """Carry out an operation of `editing` on the database of a switch that does not run."""
    from softswitch.editing import operate
    from softswitch.store.clips import Clips
    from softswitch.uploads import roots

    async def edit() -> dict[str, Any]:
        async with opened(config) as store:
            site = (await store.load()).directory
            done = await operate(store, site, Clips.scan(*roots(config)), operation, arguments)
            result = dict(done.result)
            if done.tried is not None:
                result["site"] = export_site(done.tried, secrets=False)
            if done.site is not None:
                result["version"] = (await store.apply_site(done.site, actor=actor, comment=done.comment)).version
            return result

    return asyncio.run(edit())


@contextlib.asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Store]:
    """The database, for as long as a command needs it. Raises StoreError."""
    from softswitch.store import Store

    store = await Store.open(config.paths.database)
    try:
        yield store
    finally:
        await store.close()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 at once: it is never there half written, nor for others to read."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


CERTIFICATE_FILE = "tls.crt"
KEY_FILE = "tls.key"


@dataclass(slots=True, frozen=True)
class MadeCertificate:
    """A certificate signed by itself, and its key."""

    names: tuple[str, ...]
    certificate: Path
    key: Path


def make_certificate(directory: Path, names: Sequence[str] = ()) -> MadeCertificate:
    """Write tls.crt and tls.key; without names, for this machine. Raises SetupError, and overwrites nothing."""
    from softswitch.net.tls import self_signed
    from softswitch.running import host

    made = MadeCertificate(
        tuple(names) or tuple(dict.fromkeys((host.primary_address(), "localhost", "127.0.0.1"))),
        directory / CERTIFICATE_FILE,
        directory / KEY_FILE,
    )
    for path in (made.certificate, made.key):
        if path.exists():
            raise SetupError(f"{path} is there already.", "Move it away first, or choose another --dir.")
    if not directory.is_dir():
        raise SetupError(f"{directory} is no folder.", "Name the folder of softswitch.toml: --dir FOLDER.")
    certificate, key = self_signed(made.names)
    try:
        write_private(made.key, key.decode())
        made.certificate.write_bytes(certificate)
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}.", "Choose a folder that you may write to.") from None
    return made
