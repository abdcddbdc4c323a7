"""`python -m manymasks` is the command `manymasks`."""

import os
import sys
from typing import NoReturn

from manymasks.cli import main


def program() -> NoReturn:
    """Run one command and end the process at once. To take torch and DuckDB down piece by piece
    takes a moment in every job, and DuckDB's binding prints what it could not let go of. Nothing is
    left to be done: files are closed, locks are those of the process."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    program()
