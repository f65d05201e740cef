"""Changes of single campaigns of the site. A part of `editing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.edit import Edit, EditError, existing
from softswitch.store.clips import Clips
from softswitch.store.objects import from_objects, to_objects
from softswitch.store.site import check_site, diff_sites


def campaign_set(site: Directory | None, clips: Clips | None, *, campaign: str, settings: Mapping[str, Any]) -> Edit:
    """Change settings of a campaign. Raises ConfigError that lists every mistake."""
    current = existing(site)
    if campaign not in current.campaigns:
        known = ", ".join(sorted(current.campaigns))
        raise EditError(f"There is no campaign {campaign!r}.", f"There are: {known}.", kind="unknown")
    objects = to_objects(current)
    objects["campaign", campaign] = objects["campaign", campaign] | dict(settings)
    problems = Problems("the settings")
    new = from_objects(objects, problems, current.version)
    problems.check()
    assert new is not None  # There are no problems.
    check_site(new, clips=clips)
    changes = [str(one) for one in diff_sites(current, new)]
    return Edit({"campaign": campaign, "changes": changes}, new if changes else None)


OPERATIONS: Final[Mapping[str, Callable[..., Edit]]] = {"campaign_set": campaign_set}
