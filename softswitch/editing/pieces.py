"""Changes of single objects of the site: one account, one queue, or several that only make sense together. A part of `editing`.

What is put, and what is shown, is the notation of site.toml; rules and messages are those of a whole site, because each change
is one: the objects in force, with these in their place. Secrets are never shown. Where a body does not name one, it stays.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from softswitch.decode import Problems, nearest
from softswitch.directory import Directory
from softswitch.edit import Edit, EditError, existing, same_version
from softswitch.editing.hooks import new_secret
from softswitch.entropy import SystemEntropy
from softswitch.passwords import new_token, token_digest
from softswitch.store.clips import Clips
from softswitch.store.objects import DIGESTS, KEPT_SECRETS, KINDS, PINS, Objects, natural, pause_body, to_objects
from softswitch.store.passwords import generate_password
from softswitch.store.site import diff_sites, object_text, site_of
from softswitch.toml import mistake

Row = dict[str, Any]
SETTINGS: Final = "settings"  # the name of the one object of the kind "site"
WITH_PASSWORD: Final = ("account", "user")
TITLES: Final = ("title", "name", "destination", "action", "device")


def piece_list(site: Directory | None, clips: Clips | None, *, kind: str) -> Edit:
    """Every object of a kind, in natural order."""
    current = existing(site)
    objects = _objects(current, _known(kind))
    rows = [_row(kind, name, body) for (one, name), body in objects.items() if one == kind]
    return Edit({"version": current.version, "objects": rows})


def piece_names(site: Directory | None, clips: Clips | None) -> Edit:
    """What there is of every kind: names with the title that people know them by, and what there is to be heard."""
    current = existing(site)
    names: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    for (kind, name), body in _objects(current, *KINDS).items():
        title = next((body[one] for one in TITLES if body.get(one)), "")
        if isinstance(title, Mapping):  # by language
            title = title.get(current.language) or next(iter(title.values()))
        names[kind].append({"name": SETTINGS if kind == "site" else name, "title": str(title)})
    return Edit({"version": current.version, "names": names, "clips": clips.names() if clips is not None else []})


def piece_parse(site: Directory | None, clips: Clips | None, *, text: str) -> Edit:
    """Objects as they are written in a part of site.toml; only its form is looked at. Raises EditError."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # endless numbers and endless nesting are no TOMLDecodeError
        raise EditError(
            f"That is not TOML: {mistake(error)}.", "One object is written as [queue.sales] and its fields below."
        ) from None
    rows = []
    for kind, table in data.items():
        _known(kind)
        if not isinstance(table, dict) or not all(isinstance(body, dict) for body in table.values()):
            raise EditError(
                f"{kind} is no table of objects.", "One object is written as [queue.sales] and its fields below."
            )
        rows += [{"kind": kind, "name": name, "body": body} for name, body in table.items()]
    return Edit({"objects": rows})


def piece_text(site: Directory | None, clips: Clips | None, *, kind: str, name: str, body: Mapping[str, Any]) -> Edit:
    """An object as it stands in site.toml; whether it makes sense is no matter."""
    return Edit({"text": object_text(_known(kind), name, body)})


def piece_show(site: Directory | None, clips: Clips | None, *, kind: str, name: str) -> Edit:
    current = existing(site)
    body = _objects(current, _known(kind)).get((kind, _stored(kind, name)))
    if body is None:
        raise _absent(current, kind, name)
    return Edit({"version": current.version, **_row(kind, _stored(kind, name), body)})


def change(
    site: Directory | None,
    clips: Clips | None,
    *,
    put: Sequence[Mapping[str, Any]] = (),
    remove: Sequence[Mapping[str, Any]] = (),
    version: int = 0,
    create: bool = False,
    dry_run: bool = False,
) -> Edit:
    """Put and remove objects, all or nothing. `put`: tables of kind, name and body; `remove`: of kind and name.

    `version`: of the site that was looked at; another one in force is refused, 0 = whatever. `create`: what is put must be new.
    Raises EditError, or ConfigError that lists every mistake.
    """
    current = existing(site)
    if version:
        same_version(current, version)
    wanted = {(_known(one["kind"]), _stored(one["kind"], one["name"])): dict(one["body"]) for one in put}
    gone = [(_known(one["kind"]), _stored(one["kind"], one["name"])) for one in remove]
    objects: Objects = {
        key: dict(body)
        for key, body in _with_ours(to_objects(current), current, [kind for kind, _ in [*wanted, *gone]]).items()
    }
    for kind, name in gone:
        if kind == "site" or (kind, name) not in objects:
            raise _absent(current, kind, name)
        del objects[kind, name]
    shown: dict[str, str] = {}
    for (kind, name), body in wanted.items():
        old = objects.get((kind, name))
        if create and old is not None:
            raise EditError(f"There is a {_noun(kind)} {name!r} already.", "Change that one, or choose another name.")
        objects[kind, name] = _with_secrets(kind, name, body, old, shown)
    ordered = dict(sorted(objects.items(), key=lambda one: (KINDS.index(one[0][0]), natural(one[0][1]))))
    problems = Problems("site")
    new = site_of(ordered, problems, current, clips)
    lines = [str(one) for one in diff_sites(current, new)]
    result = {"changes": lines, "dry_run": dry_run, "secrets": {} if dry_run else shown}
    return Edit(result, None if dry_run or not lines else new, "", new if dry_run else None)


OPERATIONS: Final[Mapping[str, Callable[..., Edit]]] = {
    "piece_list": piece_list,
    "piece_show": piece_show,
    "piece_names": piece_names,
    "piece_parse": piece_parse,
    "piece_text": piece_text,
    "change": change,
}


def _with_secrets(kind: str, name: str, body: Row, old: Mapping[str, Any] | None, shown: dict[str, str]) -> Row:
    """The body with what it keeps of its former self, and what is made because there is none."""
    if old is not None:
        kept = {one: old[one] for one in secrets_of(kind) if one in old and one not in body}
        return body | (kept if "password" not in body or kind in KEPT_SECRETS else {})
    if kind in WITH_PASSWORD and not any(one in body for one in ("password", *DIGESTS)):
        shown[f"{kind}/{name}"] = password = generate_password(SystemEntropy())
        return body | {"password": password}
    if kind == "token" and "digest" not in body:
        shown[f"{kind}/{name}"] = made = new_token()
        return body | {"digest": token_digest(made)}
    if kind == "webhook" and not body.get("secret"):
        shown[f"{kind}/{name}"] = made = new_secret()
        return body | {"secret": made}
    return body


def secrets_of(kind: str) -> tuple[str, ...]:
    """Fields that are never shown."""
    return (*DIGESTS, *PINS, *((KEPT_SECRETS[kind],) if kind in KEPT_SECRETS else ()))


def _row(kind: str, name: str, body: Mapping[str, Any]) -> Row:
    """`secrets`: which of those that are not shown are set."""
    hidden = secrets_of(kind)
    return {
        "kind": kind,
        "name": SETTINGS if kind == "site" else name,
        "body": {key: value for key, value in body.items() if key not in hidden},
        "secrets": [one for one in hidden if body.get(one)],
    }


class _Written:
    """The site that was looked at last, as objects: it takes a tenth of a second for 500 agents, and pages look often."""

    def __init__(self) -> None:
        self._last: tuple[Directory, Objects] | None = None

    def __call__(self, site: Directory) -> Objects:
        """Not to be changed below the first level."""
        if self._last is None or self._last[0] is not site:
            self._last = site, to_objects(site)
        return dict(self._last[1])


_written: Final = _Written()


def _objects(site: Directory, *kinds: str) -> Objects:
    return _with_ours(_written(site), site, kinds)


def _with_ours(objects: Objects, site: Directory, kinds: Collection[str]) -> Objects:
    """What there is. Feature codes and pauses are objects only where they differ from ours: whoever looks sees all."""
    if "feature_code" in kinds and not any(kind == "feature_code" for kind, _ in objects):
        objects |= {("feature_code", code): {"action": site.feature_codes[code]} for code in sorted(site.feature_codes)}
    if "pause" in kinds and not any(kind == "pause" for kind, _ in objects):
        objects |= {("pause", one.name): pause_body(one) for one in site.pauses.values()}
    return objects


def _known(kind: str) -> str:
    if kind not in KINDS:
        near = nearest(kind, KINDS)
        hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(KINDS)}."
        raise EditError(f"There is no kind {kind!r} of objects.", hint, kind="unknown")
    return kind


def _stored(kind: str, name: str) -> str:
    return "" if kind == "site" and name == SETTINGS else name


def _absent(site: Directory, kind: str, name: str) -> EditError:
    known = [one for of, one in _objects(site, kind) if of == kind]
    near = nearest(name, known)
    hint = (
        f'Did you mean "{near}"?' if near else f"There are: {', '.join(known[:20])}." if known else "There is none yet."
    )
    return EditError(f"There is no {_noun(kind)} {name!r}.", hint, kind="unknown")


def _noun(kind: str) -> str:
    return kind.replace("_", " ")
