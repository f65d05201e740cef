"""Which recordings the media workers must know for a site: prompts by language, music by class."""

from __future__ import annotations

from pathlib import Path

from media.control import Load
from softswitch.config import packaged_prompts
from softswitch.directory import Directory, LanguageStep


def clips(site: Directory, *own: Path) -> list[Load]:
    """The prompts that callers of this site may hear, as "LANGUAGE/NAME".

    All in the languages that the site speaks, and in English what one of them lacks: a caller hears another language
    rather than nothing. Folders of one's own stand before what we ship, the later ones before the earlier ones.
    """
    files: dict[str, dict[str, Path]] = {}
    for root in (packaged_prompts(), *own):
        for file in root.glob("*/**/*.wav"):
            language, _, name = file.relative_to(root).with_suffix("").as_posix().partition("/")
            files.setdefault(language, {})[name] = file
    spoken = languages(site)
    known = [files.get(language, {}).keys() for language in spoken]
    lacking = [name for name in files.get("en", {}) if not all(name in names for names in known)]
    wanted = [(language, name) for language in spoken for name in files.get(language, {})]
    wanted += [("en", name) for name in lacking if "en" not in spoken]
    return [Load(f"{language}/{name}", str(files[language][name]), on_demand=True) for language, name in sorted(wanted)]


def languages(site: Directory) -> set[str]:
    """Every language that the site speaks to somebody."""
    places = (site.accounts, site.menus, site.queues, site.numbers)
    named = {thing.language for place in places for thing in place.values()}
    chosen = {
        step.language
        for menu in site.menus.values()
        for steps in (menu.steps, *menu.branches.values())
        for step in steps
        if isinstance(step, LanguageStep) and "{" not in step.language
    }
    return {site.language} | (named | chosen) - {""}


def music(site: Directory, *own: Path) -> list[Load]:
    """Every class of music of the site; "default" is there whatever the site says."""
    roots = [root / "moh" for root in (*reversed(own), packaged_prompts())]
    classes = {"default": tuple(sorted(file.name for file in roots[-1].glob("*.wav"))), **site.music}
    found = []
    for name, files in classes.items():
        found_files = (next((path for root in roots if (path := root / file).is_file()), None) for file in files)
        paths = [path for path in found_files if path is not None]
        if paths:
            first, *more = map(str, paths)
            found.append(Load(name, first, music=True, more=tuple(more)))
    return found
