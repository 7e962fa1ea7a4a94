"""``python -m syncnb`` is the command ``syncnb``."""

import sys

from syncnb.cli import main

if __name__ == "__main__":
    sys.exit(main())
