"""The colours of the pages against WCAG 2.2, computed from the variables of the style sheet, shown or not."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import softswitch.web

BASE = (Path(softswitch.web.__file__).parent / "src/style/base.css").read_text(encoding="utf-8")
TONES = ("good", "talk", "ring", "wrap", "warn", "alarm", "off", "info")
TEXT = 4.5  # WCAG 1.4.3 at AA
PARTS = 3.0  # of controls and what shows their state (1.4.11)

Colour = tuple[float, float, float]


def theme(selector: str) -> dict[str, Colour]:
    """Its variables that are plain colours."""
    (body,) = re.findall(rf"^{re.escape(selector)} \{{(.*?)^\}}", BASE, re.DOTALL | re.MULTILINE)[:1]
    found = re.findall(r"--([\w-]+): #([0-9a-f]{3}|[0-9a-f]{6});", body)
    return {name: read(value) for name, value in found}


def read(value: str) -> Colour:
    digits = value if len(value) == 6 else "".join(2 * one for one in value)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """The ratio of WCAG 2.2, from 1 to 21."""

    def luminance(colour: Colour) -> float:
        red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("selector", [":root", ":root[data-theme='dark']"])
def test_whatever_is_written_can_be_read(selector: str) -> None:
    colours = theme(selector)
    grounds = ("bg", "surface", "surface-2", "raised")
    texts = [*product(("text", "text-soft", "accent", "accent-strong"), grounds)]
    texts += [(tone, ground) for tone in TONES for ground in ("surface", "raised", "bg", f"{tone}-soft")]
    texts += [("text", f"{tone}-soft") for tone in TONES]
    texts += [("on-accent", "accent"), ("accent-strong", "accent-soft"), ("text", "accent-soft")]
    texts += [("surface", tone) for tone in ("good", "alarm", "info")]  # on filled buttons and marks
    faint = {pair: round(contrast(*(colours[one] for one in pair)), 2) for pair in texts}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < TEXT} == {}
    frames = {ground: contrast(colours["line-strong"], colours[ground]) for ground in ("surface", "raised", "bg")}
    assert min(frames.values()) >= PARTS, frames


def test_the_dark_theme_is_the_same_by_choice_and_by_the_system() -> None:
    (system,) = re.findall(r":root:not\(\[data-theme='light'\]\) \{(.*?)\n\} \}", BASE, re.DOTALL)
    (chosen,) = re.findall(r"^:root\[data-theme='dark'\] \{(.*?)^\}", BASE, re.DOTALL | re.MULTILINE)
    assert system.split() == chosen.split()
