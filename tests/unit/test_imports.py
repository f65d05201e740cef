"""What is not imported: large things that are seldom needed cost memory, and make the command line slow."""

from __future__ import annotations

import subprocess
import sys


def test_a_switch_does_without_what_it_seldom_needs() -> None:
    program = (
        "import sys, softswitch.daemon, softswitch.lab; from softswitch.extensions import from_packages;"
        "list(from_packages('softswitch.nothing', []));"
        "print(*sorted({'email', 'smtplib', 'http.client', 'xml.sax', 'statistics', 'importlib.metadata', 'numpy',"
        " 'sqlalchemy', 'alembic', 'cryptography', 'rich', 'holidays', 'phonenumbers', 'fastapi'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_command_line_does_without_what_runs_a_switch() -> None:
    program = (
        "import sys; from importlib import import_module; from softswitch.cli import COMMANDS;"
        "[import_module(f'softswitch.cli.{one}') for one in set(COMMANDS.values())];"
        "print(*sorted({'asyncio', 'ssl', 'media.control', 'softswitch.config', 'softswitch.events', 'softswitch.store.sqlite',"
        " 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
