"""`python -m mdjax`: the command line."""

import sys

from mdjax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
