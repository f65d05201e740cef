"""CRMs as they stand in site.toml: rules of single values, and whether a matrix makes sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from softswitch.decode import Expected, Problems, Rule, decode, encode, number_in, one_of, text, whole_in
from softswitch.directory.hooks import ROWS, Crm, CrmAction
from softswitch.integrations.crm import NAMES, named
from softswitch.links import LONGEST
from softswitch.store.hook_objects import URL

if TYPE_CHECKING:
    from softswitch.store.validate import Check

DEEPEST: Final = 5  # tables in tables of a body
TEMPLATE: Final = "a text with names in braces, such as {number}"
ACTIONS: Final = 'tables of requests such as { path = "/tasks", body = { title = "{number}" } }'
MATRIX: Final = 'a table such as { missed = ["find", "task"] }'


def _read_template(value: object) -> str:
    template = text(value)
    named(template)
    return template


def _read_body(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Expected(f"tables in tables, at most {DEEPEST} deep")
    if isinstance(value, Mapping):
        for one in value.values():
            _check(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            _check(one, depth + 1)
    elif isinstance(value, str):
        named(value)
    elif not isinstance(value, bool | int | float):
        raise ValueError


def _read_path(value: object) -> str:
    path = _read_template(value)
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError
    return path


def _read_headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError
    found = {text(name): text(one) for name, one in value.items()}
    for name, one in found.items():
        if set(named(one)) - {"token"} or not (name.isascii() and one.isascii() and one.isprintable()):
            raise ValueError
        if not name.replace("-", "").isalnum():
            raise ValueError
    return found


def _texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(str(name).isidentifier() for name in value):
        raise ValueError
    return {str(name): text(one) for name, one in value.items()}


def _row(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError
    return tuple(text(one) for one in value)


def _read_rows(value: object) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise ValueError
    if unknown := set(value) - set(ROWS):
        raise Expected(f"the rows {', '.join(ROWS)}; there is no {min(unknown)}")
    return {str(name): _row(one) for name, one in value.items()}


def _read_queues(value: object) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {str(queue): _read_rows(rows) for queue, rows in value.items()}


def _write_rows(rows: Mapping[str, tuple[str, ...]]) -> Any:
    return {name: list(one) for name, one in rows.items()}


def _read_actions(value: object, problems: Problems, key: str) -> Mapping[str, CrmAction | None]:
    if not isinstance(value, Mapping):
        problems.add(key, value, ACTIONS)
        return {}
    return {
        str(name): decode(CrmAction, one, problems, key=f"{key}.{name}", rules=CRM_RULES) for name, one in value.items()
    }


CRM_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Crm, "url"): URL,
    (Crm, "headers"): Rule('a table such as { X-Api-Key = "{token}" }', _read_headers, dict),
    (Crm, "actions"): Rule(
        ACTIONS, dict, lambda found: {name: encode(one, rules=CRM_RULES) for name, one in found.items()}, _read_actions
    ),
    (Crm, "rows"): Rule(MATRIX, _read_rows, _write_rows),
    (Crm, "queues"): Rule(
        "tables of rows by queue", _read_queues, lambda found: {name: _write_rows(one) for name, one in found.items()}
    ),
    (Crm, "timeout"): number_in(0.5, 60, "seconds"),
    (Crm, "attempts"): whole_in(1, 100),
    (Crm, "give_up_hours"): number_in(0.1, 168, "hours"),
    (Crm, "link_hours"): number_in(0, LONGEST, "hours"),
    (CrmAction, "path"): Rule('a path such as "/contacts?phone={number}"', _read_path),
    (CrmAction, "method"): one_of("GET", "POST", "PUT", "PATCH", "DELETE"),
    (CrmAction, "body"): Rule(TEMPLATE, _read_body, dict),
    (CrmAction, "save"): Rule('names and paths such as { contact = "items.0.id" }', _texts, dict),
}


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    for name, crm in site.site.crms.items():
        key = f"crm.{name}"
        site.name("crm", name)
        if not crm.url:
            site.problems.add(f"{key}.url", None, "where its programs are asked", what="is missing")
        for queue, rows in crm.queues.items():
            site.exists(f"{key}.queues", queue, site.site.queues, "a queue")
            _rows(site, f"{key}.queues.{queue}", rows, crm)
        _rows(site, f"{key}.rows", crm.rows, crm)
        saved = {one for action in crm.actions.values() for one in action.save}
        for action_name, action in crm.actions.items():
            for one in sorted({*_named(action), action.when, action.unless} - {"", *NAMES, *saved}):
                site.missing(f"{key}.actions.{action_name}", one, sorted({*NAMES, *saved}), "a name")


def _rows(site: Check, key: str, rows: Mapping[str, tuple[str, ...]], crm: Crm) -> None:
    for row, names in rows.items():
        for one in names:
            site.exists(f"{key}.{row}", one, crm.actions, "an action")


def _named(action: CrmAction) -> Iterator[str]:
    yield from named(action.path)
    todo: list[Any] = [action.body]
    while todo:
        one = todo.pop()
        if isinstance(one, Mapping):
            todo += one.values()
        elif isinstance(one, list | tuple):
            todo += one
        elif isinstance(one, str):
            yield from named(one)
