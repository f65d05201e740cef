"""Reason phrases and the best response of a fork."""

from __future__ import annotations

import pytest

from softswitch.sip import status


def test_every_code_has_a_phrase() -> None:
    assert status.reason(200) == "OK"
    assert status.reason(499) == "Request Failure"
    assert status.reason(699) == "Global Failure"
    assert all(100 <= code <= 699 and phrase.isprintable() for code, phrase in status.REASON.items())


@pytest.mark.parametrize(
    ("responses", "best"),
    [
        ([], 408),
        ([486, 200], 200),
        ([486, 603], 603),
        ([503, 486], 486),
        ([503], 500),
        ([404, 407], 407),
        ([302, 404], 302),
        ([500, 404], 404),
        ([486, 480], 480),
        ([503, 500], 500),
        ([408, 401, 486], 401),
    ],
)
def test_the_best_response_of_a_fork(responses: list[int], best: int) -> None:
    assert status.best_response(responses) == best
