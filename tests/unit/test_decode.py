"""Plain values -> dataclasses: strict about types, clear about mistakes, never surprised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.config import SECTIONS, load_config
from softswitch.decode import Problems, decode, encode, nearest, number, one_of, whole, whole_in
from softswitch.errors import ConfigError
from softswitch.store.objects import NAMED
from softswitch.store.site import _site
from softswitch.toml import toml_value


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Outer:
    name: str
    ratio: float = 0.5
    flag: bool = False
    file: Path | None = None
    inner: Inner = field(default_factory=Inner)
    pair: tuple[int, str] = (1, "a")
    many: tuple[str, ...] = ()
    by_level: Mapping[int, float] = field(default_factory=dict)


def read(data: Any) -> tuple[Outer | None, list[str]]:
    problems = Problems("x.toml")
    result = decode(Outer, data, problems)
    return result, [str(one) for one in problems.found]


def test_a_whole_value_round_trips() -> None:
    value = Outer("n", 2.0, True, Path("/x"), Inner(3), (7, "b"), ("x", "y"), {1: 2.5})
    plain = encode(value)
    assert plain == {
        "name": "n", "ratio": 2, "flag": True, "file": "/x", "inner": {"size": 3}, "pair": [7, "b"], "many": ["x", "y"],
        "by_level": {"1": 2.5},
    }  # fmt: skip
    assert read(plain) == (value, [])
    assert encode(Outer("n")) == {"name": "n"}
    assert set(encode(Outer("n"), defaults=True)) == {
        "name", "ratio", "flag", "file", "inner", "pair", "many", "by_level",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "x.toml: name: is missing; expected a value"),
        (5, "x.toml: : is 5; expected a table"),
        ({"name": 5}, "x.toml: name: is 5; expected text in quotes"),
        ({"name": "a\x00"}, 'x.toml: name: is "a\x00"; expected text in quotes'),
        ({"name": "n", "ratio": True}, "x.toml: ratio: is true; expected a number"),
        ({"name": "n", "flag": 1}, "x.toml: flag: is 1; expected true or false"),
        ({"name": "n", "inner": 1}, "x.toml: inner: is 1; expected a table"),
        ({"name": "n", "inner": {"size": 1.0}}, "x.toml: inner.size: is 1.0; expected a whole number"),
        ({"name": "n", "inner": {"siz": 1}}, 'x.toml: inner.siz: unknown key; expected "size" (did you mean that?)'),
        ({"name": "n", "pair": [1]}, "x.toml: pair: is [1]; expected a list of 2 values"),
        ({"name": "n", "pair": [1, 2]}, "x.toml: pair[1]: is 2; expected text in quotes"),
        ({"name": "n", "many": "ab"}, 'x.toml: many: is "ab"; expected a list in brackets'),
        ({"name": "n", "many": ["a", 1]}, "x.toml: many[1]: is 1; expected text in quotes"),
        ({"name": "n", "by_level": []}, "x.toml: by_level: is []; expected a table"),
        ({"name": "n", "by_level": {"a": 1}}, 'x.toml: by_level.a: is "a"; expected a whole number as the key'),
        ({"name": "n", "by_level": {"1": "a"}}, 'x.toml: by_level.1: is "a"; expected a number'),
        ({"name": "n", "file": ""}, 'x.toml: file: is ""; expected a path in quotes'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: Any, said: str) -> None:
    result, found = read(data)
    assert result is None
    assert found == [said]


@pytest.mark.parametrize("text", ["", "-", "1_0", "+5", " 5", "٣", "²", "1" * 16, "0x10", "5.0"])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError):
        whole(text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e5", "1.", ".5", "1_0", "٣", "--1"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError):
        number(text)


def test_numbers_from_the_environment() -> None:
    assert (whole("-12"), number("-1.50"), number("7")) == (-12, -1.5, 7.0)


def test_rules_say_what_they_want() -> None:
    assert whole_in(1, 5, "days").expected == "a whole number of days from 1 to 5"
    with pytest.raises(ValueError, match="did you mean"):
        one_of("busy", "timed").read("bussy")
    with pytest.raises(ValueError, match='one of "busy", "timed"'):
        one_of("busy", "timed").read("xyz")
    assert nearest("Anna", ["anna", "piotr"]) == "anna"
    assert nearest("qqq", ["anna"]) == ""


# --- whatever stands in a file, the answer is a value or a ConfigError ------------------------------------------------

keys = st.sampled_from(
    ["sip", "listen", "ports", "media", "account", "101", "ha1_md5", "password", "queue", "members", "agent", "tier", "hours",
     "spans", "special_days", "2026-12-24", "menu", "steps", "play", "choice", "prompt", "hours", "closed", "goto", "extensions",
     "music", "domain", "device", "feature_codes", "*30", "aliases", "format", "holidays", "timezone", "tier_after", "1", "x"]
)  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["udp://0.0.0.0:5060", "tcp://[::]:5060", "auto", "20000-20001", "Mon-Fri 08:00-20:00", "08:00-12:00", "queue:x", "pl",
         "menu:x", "101", "../../etc", "Europe/../x", "/etc/passwd", "pbx.example.com", "play:", ":", "a" * 300]
    )
)  # fmt: skip
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*NAMED, "extensions", "music", "feature_codes", "domain", "aliases", "x"]), values, max_size=5
    )
)
def test_any_site_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        _site({"domain": "pbx.example.com"} | data, "site.toml", None, None)
    except ConfigError as error:
        assert error.problems and all(one.key and one.expected for one in error.problems)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SECTIONS)), st.data(), leaves | values)
def test_any_setting_is_read_or_refused(section: str, data: st.DataObject, value: Any) -> None:
    name = data.draw(st.sampled_from(sorted(SECTIONS[section].__dataclass_fields__)))  # type: ignore[attr-defined]
    try:
        load_config(None, environ={}, overrides={f"{section}.{name}": value})
    except ConfigError as error:
        assert error.problems and all(one.key and one.expected for one in error.problems)


def test_values_in_the_notation_of_toml() -> None:
    import tomllib

    value = {"a b": [True, 1, -2.5, 'quo"te\\', "tab\tnewline\n\x7f\x01"], "c": {}, "d": {"e": "ł"}}
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value
