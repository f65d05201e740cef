"""A dry run with its replay of the last hour, for pages: played in a process of its own, one at a time, while calls go on."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final

from softswitch import logs
from softswitch.running.child import spawn

HOURS: Final = 1.0
LIMIT: Final = 60.0  # seconds: a day with very many calls is not played to its end
LESS_URGENT: Final = 10  # of nice(2): calls go first

log = logs.get_logger()
_turn = asyncio.Semaphore(1)


async def forecast(result: dict[str, Any], database: Path, strategies: Path | None) -> dict[str, Any]:
    """The answer to a dry run, with `replay` and `replayed_offers` in place of the site that it was about.

    Without them where it cannot be played, or not in time.
    """
    plain = {name: value for name, value in result.items() if name != "site"}
    if "site" not in result:
        return plain
    asked = {"result": result, "database": str(database), "strategies": str(strategies or ""), "hours": HOURS}
    async with _turn:
        process = await spawn("softswitch.cli.forecast", stdin=asyncio.subprocess.PIPE)
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, LESS_URGENT)
            said, why = await asyncio.wait_for(process.communicate(json.dumps(asked).encode()), LIMIT)
        except (TimeoutError, ProcessLookupError) as error:
            log.warning("replay not finished", error=repr(error))
            return plain
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode:
        log.warning("replay failed", error=why.decode("utf-8", "replace")[-500:])
        return plain
    found: dict[str, Any] = json.loads(said)
    return found
