"""Puts a changed site in force while calls go on: a reload, an operator's edit, certificates that were renewed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from softswitch import logs, uploads
from softswitch.directory import Directory
from softswitch.editing import operate
from softswitch.errors import SoftswitchError
from softswitch.events import ConfigChanged
from softswitch.net.tls import CertificateError
from softswitch.operations.affected import Live, affected, opening
from softswitch.store.clips import Clips
from softswitch.store.opening import Opening
from softswitch.store.site import diff_sites, export_site

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

log = logs.get_logger()


class Reloading:
    """What changes the site of one running switch, one at a time."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._reloading = asyncio.Lock()

    async def reload(self, actor: str = "cli") -> int:
        """Put the stored site in force; calls and waiting callers are not touched. Returns the site's version."""
        daemon = self._daemon
        async with self._reloading:
            if daemon.output is not None:
                daemon.output.reopen()
            self.renew_certificates()
            daemon.resolver.reload()
            stored = await daemon.store.site()
            if stored is not None:
                await self.take(stored, actor)
            return daemon.site.version

    async def preview(self) -> dict[str, Any]:
        """What a reload would change now, and whom that touches; nothing is changed."""
        daemon = self._daemon
        async with self._reloading:
            stored = await daemon.store.site() or daemon.site
            changes = [str(one) for one in diff_sites(daemon.site, stored)]
            return {"version": stored.version, "changes": changes, "dry_run": True, **await self._preview(stored)}

    async def _preview(self, site: Directory) -> dict[str, Any]:
        """Whom it would touch if this site were put in force."""
        daemon, now = self._daemon, time.monotonic()
        switch = daemon.switch
        live = Live(switch.queue_board(now), switch.call_list(now), switch.registrations(now))
        hours = Opening(site, await daemon.store.calendars(site), time.time)
        found = [
            *affected(daemon.site, site, live),
            *opening(daemon.site, site, daemon.opening.is_open, hours.is_open),
        ]
        return {
            "affected": [one.as_dict() | {"text": str(one)} for one in found],
            "site": export_site(site, secrets=False),
        }

    def renew_certificates(self) -> None:
        """Take certificates that have changed on disk; a broken one leaves the old one in use."""
        daemon = self._daemon
        for what, certificates in (("phones", daemon.certificates), ("pages", daemon.page_certificates)):
            if certificates is None:
                continue
            try:
                if certificates.reload():
                    log.info("certificates in use", of=what, certificate=str(daemon.config.tls.certificate))
            except CertificateError as error:
                log.error("certificates not renewed", of=what, error=str(error), hint=error.hint)

    async def edit(self, operation: str, options: dict[str, Any], by: str = "cli") -> dict[str, Any]:
        """Carry out an operation of `editing` and put its result in force at once. Raises SoftswitchError."""
        daemon = self._daemon
        async with self._reloading:
            clips = await asyncio.to_thread(Clips.scan, *uploads.roots(daemon.config))  # hundreds of files
            done = await operate(daemon.store, daemon.site, clips, operation, options)
            result = dict(done.result)
            if done.tried is not None:
                result |= await self._preview(done.tried)
            if done.site is not None:
                applied = await daemon.store.apply_site(
                    done.site, actor=by, comment=done.comment, expected=daemon.site.version
                )
                await self.take(applied.directory, by)
                result["version"] = applied.version
            return result

    async def take(self, site: Directory, actor: str) -> None:
        """Put a site in force: calls, waiting callers and agents' states are not touched."""
        daemon = self._daemon
        calendars = await daemon.store.calendars(site)
        before, daemon.site = daemon.site.version, site
        daemon.directory = daemon.completed(site)
        daemon.opening = Opening(daemon.directory, calendars, time.time)
        daemon.load_sounds()  # First: callers may hear new music at once.
        daemon.input("configure", daemon.switch.configure, daemon.directory)
        daemon.load_flows()
        daemon.load_strategies()
        daemon.couriers.configure()
        daemon.campaigns.configure()
        if before != site.version:
            daemon.publisher.publish(ConfigChanged(actor, f"site version {before} -> {site.version}"))
        log.info("site in force", version=site.version, actor=actor)

    async def on_signal(self) -> None:
        daemon = self._daemon
        daemon.notifier.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            await self.reload("SIGHUP")
        except SoftswitchError as error:  # The old site stays in force.
            log.error("reload failed", error=str(error))
        except Exception as error:
            daemon.faults("reload", error)
        daemon.notifier.ready(f"serving {daemon.directory.domain}")
