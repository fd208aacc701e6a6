"""Serve app items that are generated when they are requested: `large_pages.py ROWS`, otherwise as pages.py.

Only ids and creation times are in memory, 70 bytes a row instead of the 330 of its JSON text. The rows have the form of
those in rows.py, and their ids are in no order of time.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import TYPE_CHECKING, cast

import numpy as np
import orjson
from pages import Pages, StoredList, serve
from rows import LETTERS, LISTS, MAKERS, creation_times

if TYPE_CHECKING:
    from pages import Ranks

ID_LETTERS = 20
PLACES = (b"id", b"number", b"created")
FORMS = 4  # the rows of rows.py differ by their number modulo 4
MARK = 9_876_543_200  # stands for the number of a row in a template; a multiple of FORMS


class MadeList(StoredList):
    """App items whose JSON text is made for each page."""

    def __init__(self, rows: int) -> None:
        self.list = LISTS["app_items"]
        created = np.sort(np.fromiter(creation_times(rows, random.Random(0)), np.int64, rows))  # noqa: S311 -- the same each time
        letters = np.frombuffer(LETTERS.encode(), np.uint8)
        drawn = np.random.default_rng(0).integers(0, len(letters), (rows, ID_LETTERS), np.uint8)
        ids = letters[drawn].reshape(-1).view(f"S{ID_LETTERS}")
        self._numbers = np.argsort(ids)
        self._sorted_ids = ids[self._numbers]
        self._ids = cast("list[str]", Texts(self._sorted_ids))  # bisected and indexed only
        self._created = created[self._numbers]
        self._index(self._created)
        self._templates = [_template(form) for form in range(FORMS)]

    def _chunks(self, ranks: Ranks) -> list[bytes | memoryview]:
        times = np.datetime_as_string(self._created[ranks].astype("datetime64[ms]")).astype("S23").tolist()
        numbers = self._numbers[ranks].tolist()
        rows = zip(self._sorted_ids[ranks].tolist(), numbers, times, strict=True)
        made = [self._templates[row[1] % FORMS] % dict(zip(PLACES, row, strict=True)) for row in rows]
        return [b",".join(made)]


class Texts:
    """An array of ASCII as a sequence of str."""

    def __init__(self, texts: np.ndarray[tuple[int], np.dtype[np.bytes_]]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> str:
        return bytes(self._texts[index]).decode()


def _template(form: int) -> bytes:
    """Return the JSON text of a row with places for its id, number and creation time."""
    text = orjson.dumps(MAKERS["app_items"]("%(id)b", MARK + form, "%(created)b"))
    return text.replace(str(MARK + form).encode(), b"%(number)d")


if __name__ == "__main__":
    asyncio.run(serve(Pages("app_items", MadeList(int(sys.argv[1])))))
