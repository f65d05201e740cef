"""Every endpoint against what the OpenAPI document says of it: schemathesis asks a running switch, with a fixed seed.

Requests are those of its coverage phase: for each field every limit, every kind of value, what is missing, what is too much,
other methods, other ways to say who one is. No answer is a mistake of ours (5xx), and each is one that the document names.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from .lab import Lab

TOKEN = "of-the-operator-of-this-lab"
LAB = {"environment": {"SOFTSWITCH_HTTP_TOKEN": TOKEN}}
# A text that is no site is refused, which no schema can say.
EXCLUDED = "positive_data_acceptance"


@pytest.mark.timeout(420)
def test_every_answer_is_one_that_the_document_names(lab: Lab) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://{lab.facts['http']}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {TOKEN}", "--phases", "coverage", "--exclude-checks", EXCLUDED),
        *("--seed", "1", "--generation-deterministic", "--no-color", "--warnings", "off"),
        *("--continue-on-failure", "--request-timeout", "60"),
    ]
    done = subprocess.run(command, cwd=lab.directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "No issues found" in done.stdout or " passed" in done.stdout, done.stdout[-2_000:]
