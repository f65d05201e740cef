"""What forms are made of says what the rules say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import softswitch.web
from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.store.demo import demo_site
from softswitch.store.menu_objects import STEPS, read_step
from softswitch.store.objects import KINDS, NAMED, from_objects, to_objects
from softswitch.store.site_schema import REFERENCES, helped, polish, site_schema
from softswitch.store.validate import validate
from tests.unit.store.seeded import SeededEntropy

SCHEMA = site_schema()


def test_every_kind_and_every_field_is_there() -> None:
    assert set(SCHEMA["kinds"]) == set(KINDS) and set(SCHEMA["steps"]) == set(STEPS)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    for kind, (_, cls, name) in NAMED.items():
        fields = [one["name"] for one in SCHEMA["kinds"][kind]["fields"]]
        assert fields == [one.name for one in dataclasses.fields(cls) if one.name != name]


def fields() -> list[tuple[str, dict[str, Any]]]:
    return [(kind, one) for kind, table in SCHEMA["kinds"].items() if kind in NAMED for one in table["fields"]]


def example(field: dict[str, Any]) -> Any:
    """Something for a field that must have a value; whether it is sensible is no matter of the other fields."""
    return {"list": [], "rows": [], "steps": [], "spans": [], "map": {}, "branches": {}, "whole": 1, "number": 1}.get(
        field["type"], "x"
    )


def problems_of(kind: str, name: str, value: Any) -> list[str]:
    """What is wrong with a field of an object that has this value in it."""
    problems = Problems("site")
    body = {one["name"]: example(one) for one in SCHEMA["kinds"][kind]["fields"] if one["required"]} | {name: value}
    from_objects({("site", ""): {"domain": "a.example.com"}, (kind, "x"): body}, problems)
    return [one.key for one in problems.found if one.key.startswith(f"{kind}.x.{name}")]


@pytest.mark.parametrize(("kind", "field"), fields())
def test_defaults_limits_and_choices_are_those_of_the_rules(kind: str, field: dict[str, Any]) -> None:
    name = field["name"]
    if not field["required"]:
        assert problems_of(kind, name, field["default"]) == [] or field["default"] is None
    for choice in field.get("choices", []):
        value = [choice] if field["type"] == "list" else choice
        assert problems_of(kind, name, value) == []
    if field["type"] == "choice" and not field.get("open"):
        assert problems_of(kind, name, "no such choice")
    for limit, beyond in (("minimum", -1), ("maximum", 1)):
        if limit in field:
            assert problems_of(kind, name, field[limit]) == []
            assert problems_of(kind, name, field[limit] + beyond)


@pytest.mark.parametrize("key", list(STEPS))
def test_steps_take_their_own_fields(key: str) -> None:
    for field in SCHEMA["steps"][key]["fields"]:
        problems = Problems("site")
        read_step(
            {key: "1", field["name"]: field["default"] if field["default"] is not None else "1"}, problems, "step"
        )
        assert not any("unknown key" in str(one) for one in problems.found)


SAMPLES = {"text": "no-such", "list": ["no-such"], "map": {"1": "no-such"}, "choice": "no-such"}


def test_what_a_field_names_must_exist() -> None:
    """Each field that is said to name an object is one in which the whole site is looked at for it."""
    site = demo_site(SeededEntropy(), "pbx.example.com").directory
    missed = []
    for (cls, name), _ in REFERENCES.items():
        kind = next((one for one, (_, of, _) in NAMED.items() if of is cls), "")
        if kind and not named_in_vain(site, kind, name):
            missed.append((cls.__name__, name))
    assert missed == []


def named_in_vain(site: Directory, kind: str, name: str) -> bool:
    field = next(one for one in SCHEMA["kinds"][kind]["fields"] if one["name"] == name)
    objects = to_objects(site)
    examples = {one["name"]: example(one) for one in SCHEMA["kinds"][kind]["fields"] if one["required"]}
    key = next(((of, one) for of, one in objects if of == kind), (kind, "x"))
    objects[key] = {**examples, **objects.get(key, {}), name: SAMPLES[field["type"]]}
    problems = Problems("site")
    changed = from_objects(objects, problems)
    assert changed is not None, [str(one) for one in problems.found]

    class Nothing:
        """Clips of which there are none."""

        music: frozenset[str] = frozenset()

        def has(self, clip: str) -> bool:
            return False

        def names(self) -> list[str]:
            return []

    validate(changed, problems, Nothing())  # type: ignore[arg-type]
    return any(name in one.key for one in problems.found)


def test_help_is_for_people() -> None:
    queue = {one["name"]: one for one in SCHEMA["kinds"]["queue"]["fields"]}
    assert queue["max_length"]["help"] == "0 = unlimited"
    assert queue["ring_timeout"] | {"help": ""} == {
        "name": "ring_timeout", "type": "number", "default": 20, "required": False, "secret": False, "minimum": 3,
        "maximum": 600, "unit": "seconds", "expected": "a number of seconds from 3 to 600", "help": "",
    }  # fmt: skip
    assert [one["name"] for one in queue["members"]["fields"]] == ["agent", "tier", "position", "weight"]
    assert queue["members"]["fields"][0]["refers"] == "agent"


def test_the_forms_speak_polish() -> None:
    """Kinds, fields and what may be chosen have names of people; the few that come with a new feature may be behind."""
    folder = Path(softswitch.web.__file__).parent / "src" / "admin"
    texts = [json.loads((folder / name).read_text(encoding="utf-8")) for name in ("pl.json", "terms/pl.json")]
    known = texts[0] | texts[1]
    named: set[str] = {f"kind.{kind}.{count}" for kind in SCHEMA["kinds"] for count in ("one", "many")}

    def look(fields: list[dict[str, Any]]) -> None:
        for field in fields:
            if not field["name"].startswith("ha1"):
                named.add(f"field.{field['name']}")
            look(field.get("fields", []))

    for one in (*SCHEMA["kinds"].values(), *SCHEMA["steps"].values()):
        look(one["fields"])
    missing = sorted(named - known.keys())
    assert len(named) > 300 and len(missing) < 0.05 * len(named), missing


def test_help_is_there_in_polish() -> None:
    places = dict(helped(SCHEMA["kinds"], SCHEMA["steps"]))
    missing = sorted(place for place, field in places.items() if not field.get("help_pl"))
    # A field that somebody has just added may wait for its translation; not many of them.
    assert len(missing) <= len(places) // 20, (
        f"softswitch/store/help_pl.toml has the help of fields in Polish: {missing}"
    )
    assert sorted(set(polish()) - set(places)) == [], "there are no such fields, or they have no help in English"
    for text in polish().values():
        assert text.strip() == text and text and '"' not in text
