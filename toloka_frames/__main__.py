"""Run the `toloka-frames` command as `python -m toloka_frames`."""

from __future__ import annotations

import sys

from toloka_frames._cli import main

if __name__ == "__main__":
    sys.exit(main())
