"""`python -m hpnorton` is the command line."""

import sys

from hpnorton.cli import main

if __name__ == "__main__":
    sys.exit(main())
