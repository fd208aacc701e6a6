"""A pull and an upload pass through few files and frames, so that a reader can follow them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def traces() -> dict[str, Any]:
    script = TESTS / "support" / "traced_calls.py"
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)
    traces: dict[str, Any] = json.loads(done.stdout)
    return traces


def test_a_page_of_one_list_passes_through_at_most_12_files(traces: dict[str, Any]) -> None:
    files = traces["pull"]["files"]
    assert "_transport/http.py" in files
    assert len(files) <= 12, files


def test_at_most_10_frames_lie_between_to_dataframe_and_httpx(traces: dict[str, Any]) -> None:
    frames = traces["pull"]["frames"]
    assert (frames[0], frames[-1]) == ("scan.Scan.to_dataframe", "http.ApiClient._exchange")
    assert len(frames) <= 10, frames


def test_an_upload_of_20_rows_passes_through_at_most_16_files(traces: dict[str, Any]) -> None:
    files = traces["upload"]["files"]
    assert "_uploading/ledger.py" in files
    assert len(files) <= 16, files
