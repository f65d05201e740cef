"""`python -m softswitch.cli` is the `softswitch` command."""

from softswitch.cli import main

main(prog_name="softswitch")
