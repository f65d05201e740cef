"""Messages of mailboxes in the database: the same in SQLite and in its twin in memory."""

from __future__ import annotations

from dataclasses import replace

from softswitch.events import (
    VoicemailBegun,
    VoicemailDeleted,
    VoicemailDiscarded,
    VoicemailHeard,
    VoicemailLeft,
    VoicemailMailed,
    VoicemailPurged,
    VoicemailRestored,
)
from softswitch.store.records import Snapshot
from tests.unit.store.conftest import Lives


async def restart(lives: Lives) -> Snapshot:
    await lives.kill()
    return await lives.start()


async def test_messages_of_mailboxes(lives: Lives) -> None:
    await lives.start()
    began = lives.now.wall
    begun = VoicemailBegun(7, "101", "c1", "101/a.wav", "600100200", "Jan", "")
    await lives.write(begun, replace(begun, message=8, path="101/b.wav"), replace(begun, message=9, path="101/c.wav"))
    lives.later(10.0)
    left = VoicemailLeft(7, "101", "c1", "101/a.wav", "600100200", "Jan", "", 9.5, 152_044, began + 10.0, mail=True)
    await lives.write(
        left, VoicemailDiscarded(8, "101", "101/b.wav", "short"), VoicemailDiscarded(7, "101", "", "again")
    )
    reports = await lives.store.reports()
    first, last = await reports.voicemail()
    assert (first.message, first.started_at, first.left_at, first.seconds) == (7, began, began + 10.0, 9.5)
    assert (first.mail, first.heard, first.deleted_at, first.caller_name) == ("due", False, None, "Jan")
    assert (last.message, last.left_at) == (9, None)
    await lives.write(
        VoicemailHeard(7, "101", "anna"), VoicemailDeleted(7, "101", "anna"), VoicemailRestored(7, "101", "anna"),
        VoicemailMailed(7, "101", 3, "550 no such user"), replace(left, seconds=1.0),
    )  # fmt: skip
    snapshot = await restart(lives)
    (first, last) = snapshot.voicemail
    assert (first.heard, first.deleted_at, first.seconds) == (True, None, 9.5)
    assert (first.mail, first.mail_error) == ("failed", "550 no such user")
    await lives.write(VoicemailDeleted(7, "101", "anna"), VoicemailPurged(9, "101", "101/c.wav", "erased"))
    (first,) = (await restart(lives)).voicemail
    assert first.deleted_at == lives.now.wall
    await lives.write(VoicemailPurged(7, "101", "101/a.wav", "deleted"))
    assert (await restart(lives)).voicemail == []
