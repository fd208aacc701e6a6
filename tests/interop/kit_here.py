"""A pytest plugin for Toloka-Kit's functional tests: the clients of PRODUCTION are clients of the service at TOLOKA_URL.

Runs inside .venv-kit, driven by test_functional.py.
"""

from __future__ import annotations

import os

from toloka.client import TolokaClient

original = TolokaClient.__init__


def init(self, token, **options):
    original(self, token, **{"url": os.environ["TOLOKA_URL"], **options, "environment": None})


TolokaClient.__init__ = init
