"""python -m kvtui."""

import sys

from kvtui.cli import main

sys.exit(main())
