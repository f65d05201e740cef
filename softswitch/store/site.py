"""site.toml <-> Directory: reading with every check, writing in one stable layout, and what changed between two sites.

The file is made for git: `export` always writes the same site as the same text, without defaults, in natural order. Passwords are
accepted as `password = "..."` and leave only as digests; an account without either keeps the password it has. So do trunks and
webhooks, whose passwords and secrets leave only in a full export.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from softswitch import passwords
from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.errors import ConfigError
from softswitch.store.clips import Clips
from softswitch.store.diff import Change, diff_sites
from softswitch.store.objects import (
    DIGESTS,
    HA1,
    KEPT_SECRETS,
    NAMED,
    PINS,
    SETTINGS,
    Objects,
    from_objects,
    to_objects,
)
from softswitch.store.passwords import SHORTEST, digests
from softswitch.store.validate import validate
from softswitch.toml import mistake, read_toml, toml_key, toml_value

FORMAT: Final = 1
# Key in site.toml -> kind of object. Plain tables hold one value per name.
TABLES: Final = {kind: kind for kind in NAMED}
PLAIN_TABLES: Final = {
    "extensions": ("extension", "destination"),
    "music": ("music", "files"),
    "feature_codes": ("feature_code", "action"),
}
WIDTH: Final = 110  # a longer list is written one entry to a line

__all__ = ["Change", "check_site", "diff_sites", "export_site", "parse_site", "read_site", "site_of"]


# --- reading -----------------------------------------------------------------------------------------------------


def read_site(file: Path, *, current: Directory | None = None, clips: Clips | None = None) -> Directory:
    """The site in a file, checked. Raises ConfigError that lists every mistake. See `parse_site`."""
    return _site(read_toml(file), str(file), current, clips)


def parse_site(
    text: str, *, file: str = "site.toml", current: Directory | None = None, clips: Clips | None = None
) -> Directory:
    """The site in a text. `current` is the site in force: accounts without a password keep theirs.

    `clips`: what audio there is; None = do not look. The version is that of `current`.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # endless numbers and endless nesting are no TOMLDecodeError
        raise ConfigError(f"{file}: not valid TOML: {mistake(error)}", file=file, expected="TOML") from None
    return _site(data, file, current, clips)


def check_site(site: Directory, *, file: str = "site", clips: Clips | None = None) -> None:
    """Check a Directory that was built by a program (API, `account add`). Raises ConfigError."""
    problems = Problems(file)
    from_objects(to_objects(site), problems)
    validate(site, problems, clips)
    problems.check()


def _site(data: Mapping[str, Any], file: str, current: Directory | None, clips: Clips | None) -> Directory:
    problems = Problems(file)
    return site_of(_to_objects(data, problems), problems, current, clips)


def site_of(objects: Objects, problems: Problems, current: Directory | None, clips: Clips | None) -> Directory:
    """The site that objects describe, passwords and all, checked. Raises ConfigError that lists every mistake."""
    domain = objects["site", ""].get("domain")
    for (kind, name), body in objects.items():
        if kind == "account":
            _password(name, body, str(domain), current, problems)
        elif kind in ("user", "token"):
            _digest(kind, name, body, current, problems)
        elif (field := KEPT_SECRETS.get(kind)) and field not in body:
            before = getattr(current, NAMED[kind][0]).get(name) if current is not None else None
            if before is not None and getattr(before, field):
                body[field] = getattr(before, field)
    site = from_objects(objects, problems, current.version if current else 0)
    problems.check()
    assert site is not None  # from_objects() reports why it gives none
    validate(site, problems, clips)
    problems.check()
    return site


def _to_objects(data: Mapping[str, Any], problems: Problems) -> Objects:
    objects: Objects = {("site", ""): {}}
    for key, value in data.items():
        if key == "format":
            if value != FORMAT:
                problems.add(key, value, f"{FORMAT} (this version reads no other)")
        elif key in SETTINGS:
            objects["site", ""][key] = value
        elif key not in TABLES and key not in PLAIN_TABLES:
            problems.unknown(key, value, ["format", *SETTINGS, *TABLES, *PLAIN_TABLES])
        elif not isinstance(value, Mapping):
            problems.add(key, value, "a table")
        elif key in PLAIN_TABLES:
            kind, field = PLAIN_TABLES[key]
            objects.update({(kind, name): {field: one} for name, one in value.items()})
        else:
            for name, body in value.items():
                if isinstance(body, Mapping):
                    objects[TABLES[key], name] = dict(body)
                else:
                    problems.add(f"{key}.{name}", body, "a table")
    return objects


def _password(user: str, body: dict[str, Any], domain: str, current: Directory | None, problems: Problems) -> None:
    """Turn `password` into digests; without any credentials take over those in force."""
    key = f"account.{user}.password"
    old = current.accounts.get(user) if current else None
    password = body.pop("password", None)
    if password is not None:
        if any(one in body for one in HA1):
            problems.add(key, password, "one of them", what="is given together with ha1_...")
        elif not isinstance(password, str) or len(password) < SHORTEST or not password.isprintable():
            problems.add(key, password, f"text of at least {SHORTEST} characters")
        else:
            body.update(digests(user, domain, password)._asdict())
        return
    if old is None or current is None:
        return
    if not any(one in body for one in HA1):
        body.update({one: getattr(old, one) for one in HA1 if getattr(old, one)})
    same = any(body.get(one) and body.get(one) == getattr(old, one) for one in HA1)
    if same and current.domain != domain:
        problems.add(key, None, "the password again", what=f"was made for {current.domain}, the domain is now {domain}")


def _digest(kind: str, name: str, body: dict[str, Any], current: Directory | None, problems: Problems) -> None:
    """Turn the password of a user into its digest; without either take over the one in force."""
    key, password = f"{kind}.{name}.password", body.pop("password", None)
    if password is None:
        before = getattr(current, NAMED[kind][0]).get(name) if current is not None else None
        if before is not None and before.digest:
            body.setdefault("digest", before.digest)
    elif kind == "token":
        problems.add(key, password, f"softswitch token add {name}", what="is not for tokens: they are made by us")
    elif "digest" in body:
        problems.add(key, password, "one of them", what="is given together with digest")
    elif not isinstance(password, str) or len(password) < passwords.SHORTEST or not password.isprintable():
        problems.add(key, password, f"text of at least {passwords.SHORTEST} characters")
    else:
        body["digest"] = passwords.hash_password(password)


# --- writing -----------------------------------------------------------------------------------------------------


def export_site(site: Directory, *, secrets: bool = True) -> str:
    """The site as text. Without `secrets` it has no digests and no PINs, and applies only over accounts that exist."""
    objects = to_objects(site)
    lines = [f"format = {FORMAT}"]
    for name, value in objects.pop(("site", "")).items():
        lines.append(f"{name} = {toml_value(value)}")
    for table, (kind, field) in PLAIN_TABLES.items():
        rows = [(name, body[field]) for (one, name), body in objects.items() if one == kind]
        if rows:
            lines += ["", f"[{table}]", *(f"{toml_key(name)} = {toml_value(value)}" for name, value in rows)]
    for (kind, name), body in objects.items():
        if kind in NAMED:
            if not secrets:
                hidden = (*DIGESTS, *PINS, KEPT_SECRETS.get(kind, ""))
                body = {key: value for key, value in body.items() if key not in hidden}
            lines += _table_lines(f"{kind}.{toml_key(name)}", body)
    return "\n".join(lines) + "\n"


def object_text(kind: str, name: str, body: Mapping[str, Any]) -> str:
    """One object as a part of site.toml."""
    return "\n".join(_table_lines(f"{kind}.{toml_key(name)}", body)).lstrip("\n") + "\n"


def _table_lines(name: str, body: Mapping[str, Any]) -> Iterator[str]:
    """A table; what would be too long for a line of it is a table of its own, such as the branches of a menu."""
    own = {key: value for key, value in body.items() if isinstance(value, Mapping) and _is_long(key, value)}
    yield from ("", f"[{name}]", *_body_lines({key: value for key, value in body.items() if key not in own}))
    for key, value in own.items():
        yield from _table_lines(f"{name}.{toml_key(key)}", value)


def _is_long(key: str, value: Mapping[str, Any]) -> bool:
    return len(toml_key(key)) + len(toml_value(value)) + 3 > WIDTH


def _body_lines(body: Mapping[str, Any]) -> Iterator[str]:
    for key, value in body.items():
        line = f"{toml_key(key)} = {toml_value(value)}"
        if isinstance(value, list) and value and (len(line) > WIDTH or any(isinstance(one, Mapping) for one in value)):
            yield f"{toml_key(key)} = ["
            yield from (f"    {toml_value(one)}," for one in value)
            yield "]"
        else:
            yield line
