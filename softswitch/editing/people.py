"""Changes of who may use the pages: people and tokens. A part of `editing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from softswitch.directory import Directory, Token, User
from softswitch.edit import Edit, EditError, existing
from softswitch.entropy import SystemEntropy
from softswitch.passwords import SHORTEST, hash_password, new_token, token_digest
from softswitch.store.clips import Clips
from softswitch.store.objects import natural
from softswitch.store.passwords import generate_password
from softswitch.store.site import check_site

Row = dict[str, Any]


def user_list(site: Directory | None, clips: Clips | None) -> Edit:
    return Edit({"users": [_user_row(one) for one in _sorted(existing(site).users)]})


def user_add(
    site: Directory | None,
    clips: Clips | None,
    *,
    user: str,
    title: str = "",
    role: str = "agent",
    agent: str = "",
    account: str = "",
    queues: Sequence[str] = (),
    password: str = "",
) -> Edit:
    """Somebody who may log in, with a generated password unless one is given."""
    current = existing(site)
    if user in current.users:
        raise EditError(f"User {user!r} exists.", f"A new password for them: softswitch user passwd {user}")
    password = _password(password)
    made = User(user, title, role, hash_password(password), agent, account, tuple(queues))
    return _with_users(current, clips, {**current.users, user: made}, _user_row(made) | {"password": password})


def user_passwd(site: Directory | None, clips: Clips | None, *, user: str, password: str = "") -> Edit:
    """A new password. Whoever is logged in with the old one is not any more."""
    current = existing(site)
    old = _known(current.users, "user", user)
    password = _password(password)
    made = replace(old, digest=hash_password(password))
    return _with_users(current, clips, {**current.users, user: made}, _user_row(made) | {"password": password})


def user_remove(site: Directory | None, clips: Clips | None, *, user: str) -> Edit:
    """They are logged out at once."""
    current = existing(site)
    gone = _known(current.users, "user", user)
    return _with_users(current, clips, {k: v for k, v in current.users.items() if k != user}, _user_row(gone))


def token_list(site: Directory | None, clips: Clips | None) -> Edit:
    return Edit({"tokens": [_token_row(one) for one in _sorted(existing(site).tokens)]})


def token_add(
    site: Directory | None,
    clips: Clips | None,
    *,
    token: str,
    title: str = "",
    role: str = "auditor",
    agent: str = "",
    queues: Sequence[str] = (),
    expires: str = "",
) -> Edit:
    """A token for a program; what it shows is told this once."""
    current = existing(site)
    if token in current.tokens:
        raise EditError(f"Token {token!r} exists.", f"Take it back first: softswitch token remove {token}")
    shown = new_token()
    made = Token(token, title, role, token_digest(shown), agent, tuple(queues), expires)
    return _with_tokens(current, clips, {**current.tokens, token: made}, _token_row(made) | {"shown": shown})


def token_remove(site: Directory | None, clips: Clips | None, *, token: str) -> Edit:
    """It is not taken any more."""
    current = existing(site)
    gone = _known(current.tokens, "token", token)
    return _with_tokens(current, clips, {k: v for k, v in current.tokens.items() if k != token}, _token_row(gone))


OPERATIONS: Final[Mapping[str, Callable[..., Edit]]] = {
    "user_list": user_list,
    "user_add": user_add,
    "user_passwd": user_passwd,
    "user_remove": user_remove,
    "token_list": token_list,
    "token_add": token_add,
    "token_remove": token_remove,
}


def _sorted(table: Mapping[str, Any]) -> list[Any]:
    return [table[name] for name in sorted(table, key=natural)]


def _user_row(one: User) -> Row:
    return {
        "user": one.name, "title": one.title, "role": one.role, "agent": one.agent, "account": one.account,
        "queues": list(one.queues), "can_log_in": bool(one.digest),
    }  # fmt: skip


def _token_row(one: Token) -> Row:
    return {
        "token": one.name, "title": one.title, "role": one.role, "agent": one.agent, "queues": list(one.queues),
        "expires": one.expires,
    }  # fmt: skip


def _known(table: Mapping[str, Any], noun: str, name: str) -> Any:
    if name not in table:
        raise EditError(f"There is no {noun} {name!r}.", f"See: softswitch {noun} list", kind="unknown")
    return table[name]


def _password(given: str) -> str:
    if not given:
        return generate_password(SystemEntropy())
    if len(given) < SHORTEST or not given.isprintable():
        raise EditError(
            f"A password has at least {SHORTEST} printable characters.", "Leave it out, and one is generated."
        )
    return given


def _with_users(site: Directory, clips: Clips | None, users: Mapping[str, User], result: Row) -> Edit:
    return _checked(replace(site, users=users), clips, result)


def _with_tokens(site: Directory, clips: Clips | None, tokens: Mapping[str, Token], result: Row) -> Edit:
    return _checked(replace(site, tokens=tokens), clips, result)


def _checked(edited: Directory, clips: Clips | None, result: Row) -> Edit:
    check_site(edited, clips=clips)
    return Edit(result, edited)
