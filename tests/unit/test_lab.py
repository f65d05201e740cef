"""A lab that goes on: what was said this time holds, what was changed of its site meanwhile stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.directory import Directory, Queue
from softswitch.editing import EditError, apply
from softswitch.lab import LAB_QUEUE, Options, _tuned
from softswitch.store.site import export_site

SITE = Directory("pbx.example.com", queues={LAB_QUEUE: Queue(LAB_QUEUE, wrap_up=7.0, ring_timeout=13.0)}, version=5)
OPTIONS = Options("127.0.0.1:5060", "127.0.0.1:8080", 2, 1, 1, Path("lab"))


def test_settings_of_the_queue_stay_unless_the_command_says_otherwise() -> None:
    assert _tuned(SITE, OPTIONS) == SITE
    queue = _tuned(SITE, replace(OPTIONS, ring_timeout=30.0)).queues[LAB_QUEUE]
    assert (queue.wrap_up, queue.ring_timeout) == (7.0, 30.0)
    assert _tuned(replace(SITE, queues={}), replace(OPTIONS, wrap_up=1.0)).queues == {}


def test_nobody_writes_a_whole_site_over_one_that_they_have_not_seen() -> None:
    text = export_site(SITE).replace("wrap_up = 7", "wrap_up = 8")
    for version in (0, 5):
        assert apply(SITE, None, text=text, version=version).site is not None
    with pytest.raises(EditError, match="version 4 was looked at, 5 is in force"):
        apply(SITE, None, text=text, version=4)
