"""`python -m deftly` is `deftly`."""

import sys

from deftly.cli import main

if __name__ == "__main__":
    sys.exit(main())
