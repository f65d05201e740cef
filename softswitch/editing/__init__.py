"""Changes of the stored site, asked for by the command line: by the running switch, or by the command itself when none runs.

Each operation takes the site in force and gives the site to put in its place (None: nothing changes) and what to tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch.directory import Account, Directory
from softswitch.edit import Edit, EditError, existing, same_version
from softswitch.editing import campaigns, hooks, people, pieces, queues
from softswitch.entropy import SystemEntropy
from softswitch.errors import ConfigError
from softswitch.store.clips import Clips
from softswitch.store.objects import natural
from softswitch.store.passwords import SHORTEST, digests, generate_password
from softswitch.store.site import check_site, diff_sites, export_site, parse_site

if TYPE_CHECKING:
    from softswitch.store.records import SiteVersion


def apply(
    site: Directory | None,
    clips: Clips | None,
    *,
    text: str,
    file: str = "site.toml",
    version: int = 0,
    dry_run: bool = False,
) -> Edit:
    """Take a whole site from site.toml. `version`: of the site that was looked at; 0 = whatever is in force.

    Raises EditError if another one is in force, and ConfigError that lists every mistake.
    """
    if version:
        same_version(existing(site), version)
    new = parse_site(text, file=file, current=site, clips=clips)
    changes = diff_sites(site, new)
    lines = [str(one) for one in changes]
    if site is not None and site.domain != new.domain:
        lines.append("! phones must register with the new domain; passwords were bound to the old one")
    return Edit(
        {"changes": lines, "dry_run": dry_run}, None if dry_run or not changes else new, "", new if dry_run else None
    )


def export(site: Directory | None, clips: Clips | None, *, secrets: bool = True) -> Edit:
    """The site in force as site.toml."""
    return Edit({"text": export_site(existing(site), secrets=secrets)})


def account_list(site: Directory | None, clips: Clips | None) -> Edit:
    accounts = sorted(existing(site).accounts.values(), key=lambda one: natural(one.user))
    rows = [
        {
            "user": one.user,
            "name": one.name,
            "number": one.number or one.user,
            "agent": one.agent,
            "algorithms": [name for name, ha1 in (("SHA-256", one.ha1_sha256), ("MD5", one.ha1_md5)) if ha1],
        }
        for one in accounts
    ]
    return Edit({"accounts": rows})


def account_add(site: Directory | None, clips: Clips | None, *, user: str, name: str = "", password: str = "") -> Edit:
    """A new account, with a generated password unless one is given."""
    current = existing(site)
    if user in current.accounts:
        raise EditError(f"Account {user!r} exists.", f"A new password for it: softswitch account passwd {user}")
    password = _password(password)
    account = Account(user, *digests(user, current.domain, password), name=name)
    return _with_account(current, account, clips, {"user": user, "name": name, "password": password})


def account_passwd(site: Directory | None, clips: Clips | None, *, user: str, password: str = "") -> Edit:
    """A new password for an account; its phone must be given it too."""
    current = existing(site)
    old = _account(current, user)
    password = _password(password)
    md5, sha256 = digests(user, current.domain, password)
    # An algorithm that was switched off for this account stays off.
    account = replace(old, ha1_md5=md5 if old.ha1_md5 or not old.ha1_sha256 else "", ha1_sha256=sha256)
    return _with_account(current, account, clips, {"user": user, "name": old.name, "password": password})


def account_remove(site: Directory | None, clips: Clips | None, *, user: str) -> Edit:
    """Remove an account that no agent uses as a device."""
    current = existing(site)
    account = _account(current, user)
    users = [agent.name for agent in current.agents.values() if agent.device == user]
    if users:
        raise EditError(
            f"Account {user!r} is the device of the agent {', '.join(users)}.",
            "Give the agent another device in the site first: softswitch export, edit, softswitch apply.",
        )
    rest = {name: one for name, one in current.accounts.items() if name != user}
    edited = replace(current, accounts=rest)
    check_site(edited, clips=clips)
    return Edit({"user": user, "name": account.name}, edited)


def music_set(
    site: Directory | None, clips: Clips | None, *, name: str, files: list[str], queue: str = ""
) -> Edit:  # fmt: skip
    """Let a class of music be these files, and a queue play it. Without files the class is removed."""
    current = existing(site)
    if queue and queue not in current.queues:
        raise EditError(
            f"There is no queue {queue!r}.", f"There are: {', '.join(sorted(current.queues))}.", kind="unknown"
        )
    users = [one.name for one in current.queues.values() if one.music == name]
    if not files and users and name != "default":
        raise EditError(
            f"The queue {', '.join(users)} plays the music {name!r}.",
            "Give it other music first: softswitch prompt add NAME FILE --music --queue QUEUE.",
        )
    music = {**current.music, name: tuple(files)}
    if not files:
        music.pop(name)
    queues = dict(current.queues)
    if queue:
        queues[queue] = replace(queues[queue], music=name)
    edited = replace(current, music=music, queues=queues)
    check_site(edited, clips=clips)
    return Edit({"music": name, "files": files, "queue": queue}, None if edited == current else edited)


# --- versions: these ask the store ---------------------------------------------------------------------------------------


async def history(store: Versions, site: Directory | None, clips: Clips | None, *, limit: int = 20) -> Edit:
    """The last versions of the site, the newest first."""
    return Edit({"versions": [asdict(one) for one in await store.site_versions(limit)]})


async def rollback(
    store: Versions, site: Directory | None, clips: Clips | None, *, version: int = 0, dry_run: bool = False
) -> Edit:
    """The site as it was, as a new version; 0 = before the last change, so that twice is back again.

    What was in force is never refused. What is wrong with it today (a prompt that was deleted since) is told.
    """
    current = existing(site)
    wanted = version or current.version - 1
    if wanted < 1:
        raise EditError("There is no version before this one.", "See: softswitch history", kind="unknown")
    old = replace(await store.site_at(wanted), version=current.version)
    lines = [str(one) for one in diff_sites(current, old)]
    changed = bool(lines)
    try:
        check_site(old, file=f"version {wanted}", clips=clips)
    except ConfigError as error:
        lines += [f"! {line}" for line in str(error).splitlines()]
    result = {"changes": lines, "dry_run": dry_run, "back_to": wanted}
    comment = f"back to version {wanted}"
    return Edit(result, None if dry_run or not changed else old, comment, old if dry_run else None)


class Versions(Protocol):
    """What a store knows of former sites (`store.Store`)."""

    async def site_versions(self, limit: int = 50) -> list[SiteVersion]: ...
    async def site_at(self, version: int) -> Directory: ...


async def version_show(
    store: Versions, site: Directory | None, clips: Clips | None, *, version: int, to: int = 0
) -> Edit:
    """A former site as site.toml, without secrets, and how it differs from another one; 0 = from the one in force."""
    current = existing(site)
    old = await store.site_at(version)
    new = await store.site_at(to) if to else current
    changes = [str(one) for one in diff_sites(old, new)]
    return Edit(
        {"version": version, "to": to or current.version, "changes": changes, "text": export_site(old, secrets=False)}
    )


STORED: Final[Mapping[str, Callable[..., Awaitable[Edit]]]] = {
    "history": history, "rollback": rollback, "version_show": version_show,
}  # fmt: skip


async def operate(
    store: Versions, site: Directory | None, clips: Clips | None, operation: str, options: Mapping[str, Any]
) -> Edit:
    """Carry out an operation by its name. Raises SoftswitchError."""
    if operation in STORED:
        return await STORED[operation](store, site, clips, **options)
    return OPERATIONS[operation](site, clips, **options)


OPERATIONS: Final[Mapping[str, Callable[..., Edit]]] = {
    "apply": apply,
    "export": export,
    "account_list": account_list,
    "account_add": account_add,
    "account_passwd": account_passwd,
    "account_remove": account_remove,
    "music_set": music_set,
    **people.OPERATIONS,
    **hooks.OPERATIONS,
    **pieces.OPERATIONS,
    **queues.OPERATIONS,
    **campaigns.OPERATIONS,
}


def _account(site: Directory, user: str) -> Account:
    found = site.accounts.get(user)
    if found is None:
        raise EditError(f"There is no account {user!r}.", "See: softswitch account list", kind="unknown")
    return found


def _password(given: str) -> str:
    if not given:
        return generate_password(SystemEntropy())
    if len(given) < SHORTEST or not given.isprintable():
        raise EditError(
            f"A password has at least {SHORTEST} printable characters.", "Leave it out, and one is generated."
        )
    return given


def _with_account(site: Directory, account: Account, clips: Clips | None, result: dict[str, Any]) -> Edit:
    edited = replace(site, accounts={**site.accounts, account.user: account})
    check_site(edited, clips=clips)
    return Edit(result, edited)
