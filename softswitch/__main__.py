"""`python3 -m softswitch ...`: the command line, also from a fresh checkout where nothing is installed yet."""

import sys


def main() -> None:
    """Run the command line; in a checkout without its dependencies, make the environment first."""
    from softswitch import bootstrap

    if bootstrap.needed():
        bootstrap.run(sys.argv[1:])
    from softswitch.cli import main as command

    command()


if __name__ == "__main__":
    main()
