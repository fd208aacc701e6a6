"""The dtype of text in default frames: pandas' own, `str` since pandas 3 and object before."""

from __future__ import annotations

import pandas as pd

TEXT = pd.Series(["text"]).dtype
TEXT_NAME = str(TEXT)
