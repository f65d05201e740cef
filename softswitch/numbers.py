"""Telephone numbers: one spelling for each, and what they cost whom (ITU-T E.164). The only door to `phonenumbers`.

The library knows every country's plan. It takes 40 ms to load, and so is not loaded before a number outside is dialled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

MAX_DIGITS: Final = 20
MAX_SHORT: Final = 6  # digits of a number that is valid in one country only, such as 112 or 118913
_is_number = re.compile(rf"\+?[0-9]{{2,{MAX_DIGITS}}}").fullmatch
_separators = re.compile(r"[-./() ]").sub

# Ranges of no country (ITU-T E.164 list of assigned codes): what a call there costs, nobody can foresee.
SATELLITE: Final = ("+870", "+881", "+8810", "+8811", "+88216", "+882", "+883", "+878")
COSTLY: Final = frozenset({"premium", "satellite", "personal", "pager", "unknown"})  # refused unless listed


@dataclass(slots=True, frozen=True)
class Tariff:
    """Whose number it is ("pl", "" = no country's) and of what kind: "fixed", "mobile", "toll_free", "shared_cost",
    "premium", "voip", "satellite", "personal", "pager", "special" (a short one), "unknown"."""

    country: str
    kind: str


def _library() -> Any:
    import phonenumbers  # Only where there are trunks.

    return phonenumbers


def load(country: str) -> None:
    """Load what the numbers of a country take: before a call has to wait for it."""
    tariff(normalise("112", country), country)
    tariff("+882", country)


def digits_of(text: str) -> str:
    """What was dialled or written, without separators; "" if it is no number."""
    plain = _separators("", text)
    return plain if _is_number(plain) else ""


@lru_cache(maxsize=8_192)
def normalise(text: str, country: str) -> str:
    """ "+48221234567" of a number as it is dialled or written in a country. Short numbers stay as they are; "" = no number."""
    plain = digits_of(text)
    if not plain:
        return ""
    library = _library()
    region = country.upper()
    try:
        number = library.parse(plain, region)
    except library.NumberParseException:
        return "" if plain.startswith("+") else plain
    short = not plain.startswith("+") and len(plain) <= MAX_SHORT
    if short and (not library.is_valid_number(number) or library.is_valid_short_number_for_region(number, region)):
        return plain
    if plain[0] == "0" and plain[1] != "0" and not library.is_valid_number(number):
        # A leading 0 that the country has done away with (Poland in 2010) is still dialled, and still sent by old exchanges.
        older = library.parse(plain[1:], region)
        number = older if library.is_valid_number(older) else number
    if library.is_possible_number(number):
        written: str = library.format_number(number, library.PhoneNumberFormat.E164)
        return written
    return ""


@lru_cache(maxsize=8_192)
def tariff(number: str, country: str) -> Tariff:
    """Of a normalised number, called from a country."""
    library = _library()
    home = country.lower()
    if not number.startswith("+"):
        return Tariff(home, _short_kind(library, number, country.upper()))
    if number.startswith(SATELLITE):
        return Tariff("", "satellite")
    try:
        parsed = library.parse(number, None)
    except library.NumberParseException:
        return Tariff("", "unknown")
    kinds = library.PhoneNumberType
    kind = {
        kinds.FIXED_LINE: "fixed", kinds.FIXED_LINE_OR_MOBILE: "fixed", kinds.MOBILE: "mobile", kinds.TOLL_FREE: "toll_free",
        kinds.SHARED_COST: "shared_cost", kinds.PREMIUM_RATE: "premium", kinds.VOIP: "voip", kinds.UAN: "fixed",
        kinds.PERSONAL_NUMBER: "personal", kinds.PAGER: "pager", kinds.VOICEMAIL: "fixed",
    }.get(library.number_type(parsed), "unknown")  # fmt: skip
    region = library.region_code_for_number(parsed) or library.region_code_for_country_code(parsed.country_code)
    return Tariff("" if region in ("001", "ZZ") else region.lower(), kind)


def _short_kind(library: Any, number: str, region: str) -> str:
    try:
        parsed = library.parse(number, region)
    except library.NumberParseException:
        return "unknown"
    cost = library.expected_cost_for_region(parsed, region)
    costs = library.ShortNumberCost
    return {costs.PREMIUM_RATE: "premium", costs.TOLL_FREE: "toll_free", costs.STANDARD_RATE: "special"}.get(
        cost, "unknown"
    )


@lru_cache(maxsize=4096)
def timezone_of(number: str, otherwise: str) -> str:
    """The time zone of a number such as "+48...": that of its region, else one of its country's; `otherwise` if none is known."""
    from phonenumbers import timezone

    library = _library()
    try:
        parsed = library.parse(number, None)
    except library.NumberParseException:
        return otherwise
    example = library.example_number(library.region_code_for_number(parsed) or "")
    for one in (parsed, example):
        zones = timezone.time_zones_for_number(one) if one is not None else ()
        if otherwise in zones:
            return otherwise
        if zones and "/" in zones[0] and not zones[0].startswith("Etc/"):
            return str(zones[0])
    return otherwise


def parts(number: str) -> tuple[str, str]:
    """Country code and national number of a normalised number; no code where it is not of a country's form."""
    if not number.startswith("+"):
        return "", number
    library = _library()
    try:
        parsed = library.parse(number, None)
    except library.NumberParseException:
        return "", number[1:]
    return str(parsed.country_code), str(library.national_significant_number(parsed))


def write(number: str, form: str, country: str) -> str:
    """A normalised number as a provider wants it: "e164", "plain", "international" or "national" (its own country's only)."""
    if not number.startswith("+") or form == "e164":
        return number
    if form == "plain":
        return number[1:]
    library = _library()
    parsed = library.parse(number, None)
    region = country.upper()
    if form == "national" and parsed.country_code == library.country_code_for_region(region):
        prefix: str = library.ndd_prefix_for_region(region, True) or ""
        return prefix + str(library.national_significant_number(parsed))
    written: str = library.format_out_of_country_calling_number(parsed, region) if form == "national" else ""
    metadata = library.PhoneMetadata.metadata_for_region(region, None)
    exit_code = metadata.international_prefix if metadata is not None else "00"
    exit_code = exit_code if exit_code.isdigit() else metadata.preferred_international_prefix or "00"
    return exit_code + number[1:] if written or form == "international" else number
