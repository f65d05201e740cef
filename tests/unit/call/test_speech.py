"""Numbers and moments in clips, in the grammar of each language; every clip that is said is there."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.speech import (
    clock,
    counted,
    digits,
    expected_wait,
    hours,
    later,
    minutes,
    moment,
    number,
    opening,
    position,
    press,
    waiting,
)
from softswitch.call.voicemail import summary

CATALOGUE = tomllib.loads((Path(__file__).resolve().parents[3] / "prompts/catalogue.toml").read_text(encoding="utf-8"))


def text(clips: tuple[str, ...], language: str) -> str:
    """What a caller hears. Raises KeyError for a clip that there is not."""
    said = []
    for clip in clips:
        phrase = CATALOGUE["phrases"].get(clip)
        said.append(phrase[language] if phrase is not None else CATALOGUE[language][clip])
    return " ".join(said)


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        (0, 0, "W skrzynce nie ma wiadomości."),
        (1, 0, "W skrzynce: jedna nowa wiadomość"),
        (2, 0, "W skrzynce: dwie nowe wiadomości"),
        (5, 1, "W skrzynce: pięć nowych wiadomości i jedna zachowana wiadomość"),
        (0, 12, "W skrzynce: dwanaście zachowanych wiadomości"),
        (21, 22, "W skrzynce: dwadzieścia jeden nowych wiadomości i dwadzieścia dwie zachowane wiadomości"),
        (112, 0, "W skrzynce: sto dwanaście nowych wiadomości"),
        (1234, 0, "W skrzynce: tysiąc dwieście trzydzieści cztery nowe wiadomości"),
    ],
)
def test_how_many_messages_in_polish(new: int, old: int, said: str) -> None:
    assert text(summary(new, old, "pl"), "pl") == said


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        (0, 0, "You have no messages."),
        (1, 0, "You have one new message"),
        (2, 1, "You have two new messages and one saved message"),
        (0, 21, "You have twenty one saved messages"),
    ],
)
def test_how_many_messages_in_english(new: int, old: int, said: str) -> None:
    assert text(summary(new, old, "en"), "en") == said


@pytest.mark.parametrize(
    ("time", "polish", "english"),
    [
        ("00:00", "o godzinie zerowej", "at twelve A M"),
        ("08:05", "o godzinie ósmej zero pięć", "at eight oh five A M"),
        ("12:30", "o godzinie dwunastej trzydzieści", "at twelve thirty P M"),
        ("23:59", "o godzinie dwudziestej trzeciej pięćdziesiąt dziewięć", "at eleven fifty nine P M"),
    ],
)
def test_times_of_the_day(time: str, polish: str, english: str) -> None:
    at = datetime.fromisoformat(f"2026-11-22T{time}")
    assert text(clock(at, "pl"), "pl") == polish
    assert text(clock(at, "en"), "en") == english


@pytest.mark.parametrize(
    ("at", "polish"),
    [
        ("2026-11-22T10:00", "dzisiaj o godzinie dziesiątej"),
        ("2026-11-21T23:00", "wczoraj o godzinie dwudziestej trzeciej"),
        ("2026-11-17T10:00", "we wtorek o godzinie dziesiątej"),
        ("2026-11-15T10:00", "siedem dni temu o godzinie dziesiątej"),
        ("2026-11-23T10:00", "dzisiaj o godzinie dziesiątej"),  # A clock that was set back.
    ],
)
def test_days(at: str, polish: str) -> None:
    zone = ZoneInfo("Europe/Warsaw")
    now = datetime.fromisoformat("2026-11-22T12:00").replace(tzinfo=zone).timestamp()
    then = datetime.fromisoformat(at).replace(tzinfo=zone).timestamp()
    assert text(moment(then, now, zone, "pl"), "pl") == polish


def test_a_number_is_said_digit_by_digit() -> None:
    assert digits("+48 600-10x") == tuple(f"numbers/{one}" for one in "4860010")


@given(st.integers(0, 999_999), st.sampled_from(["pl", "en"]), st.booleans())
def test_every_number_has_its_clips(count: int, language: str, feminine: bool) -> None:
    assert text(number(count, language, feminine=feminine), language)
    assert text(counted(count, "new-message", language, feminine=True), language)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), st.sampled_from(["pl", "en", "xx"]))
def test_every_moment_has_its_clips(at: datetime, language: str) -> None:
    clips = moment(at.replace(tzinfo=UTC).timestamp(), 2.3e9, UTC, language)
    assert text(clips, language if language != "xx" else "en")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "pl",
            "Liczba oczekujących na połączenie osób to: pięć Przybliżony czas oczekiwania na rozmowę to: dwie minuty",
        ),
        ("en", "The number of callers waiting is: five The approximate waiting time is: two minutes"),
    ],
)
def test_what_a_waiting_caller_is_told(language: str, said: str) -> None:
    assert text((*waiting(5, language), *expected_wait(2, language)), language) == said


@pytest.mark.parametrize(
    ("told", "polish", "english"),
    [
        (None, "W tej chwili nie możemy podać", "We cannot estimate"),
        (0, "to: mniej niż minuta.", "is less than one minute."),
        (1, "to: jedna minuta", "is: one minute"),
        (3, "to: trzy minuty", "is: three minutes"),
        (5, "to: pięć minut", "is: five minutes"),
        (22, "to: dwadzieścia dwie minuty", "is: twenty two minutes"),
        (31, "to: ponad trzydzieści minut", "is: more than thirty minutes"),
    ],
)
def test_expected_wait(told: int | None, polish: str, english: str) -> None:
    assert polish in text(expected_wait(told, "pl"), "pl")
    assert english in text(expected_wait(told, "en"), "en")


@pytest.mark.parametrize(
    ("place", "polish", "english"),
    [
        (1, "Jesteś na pierwszym miejscu w kolejce. Za chwilę", "You are next"),
        (4, "Jesteś na czwartym miejscu w kolejce.", "You are fourth in the queue."),
        (21, "Jesteś na dwudziestym pierwszym miejscu w kolejce.", "You are twenty first in the queue."),
        (30, "Jesteś na trzydziestym miejscu w kolejce.", "You are thirtieth in the queue."),
        (100, "Jesteś na setnym miejscu w kolejce.", "You are hundredth in the queue."),
        (142, "Twoje miejsce w kolejce to: sto czterdzieści dwa", "position in the queue is: one hundred forty two"),
    ],
)
def test_place_in_the_queue(place: int, polish: str, english: str) -> None:
    assert polish in text(position(place, "pl"), "pl")
    assert english in text(position(place, "en"), "en")


def test_beyond_the_limit_only_more_than_is_said() -> None:
    assert text(position(11, "pl", 10), "pl") == "Liczba oczekujących na połączenie osób to: ponad dziesięć"
    assert text(waiting(11, "en", 10), "en") == "The number of callers waiting is: more than ten"
    assert text(waiting(10, "en", 10), "en") == "The number of callers waiting is: ten"


@given(st.integers(1, 1_000_000), st.sampled_from(("pl", "en")), st.sampled_from((0, 5, 10, 50)))
def test_every_clip_about_a_queue_exists(count: int, language: str, limit: int) -> None:
    assert text(position(count, language, limit), language)
    assert text(waiting(count, language, limit), language)
    assert text(minutes(count, language), language)


def test_opening_hours() -> None:
    week = [(0, 4, 8 * 60, 20 * 60), (5, 5, 9 * 60 + 30, 14 * 60)]
    assert text(opening(week, "pl"), "pl") == (
        "Pracujemy od poniedziałku do piątku od godziny ósmej do godziny dwudziestej i w sobotę "
        "od godziny dziewiątej trzydzieści do godziny czternastej"
    )
    assert text(opening(week, "en"), "en") == (
        "We are open from Monday to Friday from eight A M to eight P M and on Saturday from nine thirty A M to two P M"
    )
    assert text(opening([(0, 6, 0, 1440)], "pl"), "pl") == "Pracujemy codziennie przez całą dobę"


@given(st.integers(0, 1440), st.integers(0, 1440), st.sampled_from(("pl", "en")))
def test_every_hour_can_be_said(start: int, end: int, language: str) -> None:
    assert text(hours(start, end, language), language)


def test_keys_and_later_days() -> None:
    assert text(("option-callback", *press("2")), "pl").endswith("naciśnij dwa.")
    assert text(press("*") + press("#"), "en") == "press star. press the hash key."
    zone = ZoneInfo("Europe/Warsaw")
    now = datetime(2026, 3, 2, 12, tzinfo=zone).timestamp()  # a Monday
    assert text(later(now + 24 * 3600, now, zone, "pl"), "pl") == "jutro o godzinie dwunastej"
    assert text(later(now + 3 * 24 * 3600, now, zone, "en"), "en") == "on Thursday at twelve P M"
