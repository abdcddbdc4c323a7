"""`python -m manymasks` is the command `manymasks`."""

import sys

from manymasks.cli import main

sys.exit(main())
