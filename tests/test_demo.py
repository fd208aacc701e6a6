"""`toloka-frames demo` uploads and reads sample rows or the user's file, and writes the answers."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pandas as pd
import pytest

from toloka_frames._cli import main

COMMAND = str(Path(sysconfig.get_path("scripts")) / "toloka-frames")
TIMEOUT_SECONDS = 300
WORDS = ["007", "NA", "None", "[ ]", "true", "2022-01-01"]


def answers_of(capsys: pytest.CaptureFixture[str], out: Path) -> pd.DataFrame:
    """Return the answers that the demo wrote; check what it printed."""
    printed = capsys.readouterr().out
    assert f"Written: {out.resolve()}\n" in printed
    assert "A local Toloka is running" in printed
    assert "Batches of an app project" in printed
    assert "Answers:" in printed
    return pd.read_parquet(out)


def run_demo(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> pd.DataFrame:
    out = tmp_path / "out.parquet"
    assert main(["demo", "--data", str(path), "--out", str(out)]) == 0
    return answers_of(capsys, out)


def test_without_a_file_the_demo_creates_and_answers_5000_rows(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Written: {(tmp_path / 'answers.parquet').resolve()}\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["answers.parquet"]
    answers = pd.read_parquet(tmp_path / "answers.parquet")
    assert answers["INPUT:image"].nunique() == 5_000
    assert set(answers["OUTPUT:animal"]) == {"cat", "dog", "owl", "fox"}
    assert set(answers["ASSIGNMENT:status"]) == {"ACCEPTED"}
    assert answers.groupby("INPUT:image").size().min() >= 3
    assert "5,000 CREATED" in done.stderr


@pytest.mark.parametrize(("suffix", "separator"), [(".tsv", "\t"), (".csv", ",")])
def test_text_columns_of_a_file_stay_text(
    suffix: str, separator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"tasks{suffix}"
    pd.DataFrame({"word": WORDS, "other": [None, *WORDS[1:]]}).to_csv(path, sep=separator, index=False)
    answers = run_demo(path, tmp_path, capsys)
    assert set(answers["INPUT:word"]) == set(WORDS)
    pairs = answers[["INPUT:word", "INPUT:other"]].drop_duplicates().set_index("INPUT:word")["INPUT:other"]
    assert pairs.isna()["007"]
    assert pairs.drop("007").to_dict() == {word: word for word in WORDS[1:]}
    assert len(answers) == 3 * len(WORDS)
    assert set(answers["OUTPUT:result"]) <= {"no", "yes"}


def test_a_parquet_file_keeps_its_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tasks.parquet"
    tasks = pd.DataFrame({"number": [1, 2, 3], "share": [0.5, 0.25, 1.0], "flag": [True, False, True]})
    tasks.to_parquet(path)
    answers = run_demo(path, tmp_path, capsys)
    columns = ["INPUT:number", "INPUT:share", "INPUT:flag"]
    tasks_read = answers[columns].drop_duplicates().sort_values("INPUT:number").reset_index(drop=True)
    assert tasks_read.astype(object).to_numpy().tolist() == tasks.astype(object).to_numpy().tolist()
    assert [str(dtype) for dtype in tasks_read.dtypes] == ["Int64", "float64", "bool"]


def test_known_solutions_make_control_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tasks.tsv"
    golden = ["cat", "dog", None, None, None, None, None, None]
    tasks = {"INPUT:image": [f"{number}.jpg" for number in range(8)], "GOLDEN:animal": golden}
    pd.DataFrame(tasks).to_csv(path, sep="\t", index=False)
    answers = run_demo(path, tmp_path, capsys)
    known = answers.dropna(subset=["GOLDEN:animal"]).drop_duplicates("INPUT:image")
    assert (
        dict(zip(known["INPUT:image"], known["GOLDEN:animal"], strict=True)).items() <= {"0.jpg": "cat", "1.jpg": "dog"}.items()
    )
    assert set(answers["INPUT:image"]) >= set(tasks["INPUT:image"][2:])
    assert set(answers["OUTPUT:animal"]) <= {"cat", "dog"}


def export(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    rows = pd.DataFrame(
        {
            "INPUT:text": ["one", "007", "two"],
            "OUTPUT:result": ["yes", "None", "no"],
            "ASSIGNMENT:link": [None] * 3,
            "ASSIGNMENT:task_id": ["0002a--1", "0002a--2", "0002a--3"],
            "ASSIGNMENT:assignment_id": ["0002a--a", "0002a--a", "0002a--b"],
            "ASSIGNMENT:task_suite_id": ["0002a--s", "0002a--s", "0002a--t"],
            "ASSIGNMENT:worker_id": ["w1", "w1", "w2"],
            "ASSIGNMENT:status": ["APPROVED", "APPROVED", "REJECTED"],
            "ASSIGNMENT:started": ["2023-09-29T06:44:05.190", "2023-09-29T06:44:05.190", "2023-09-29T07:00"],
            "ASSIGNMENT:submitted": ["2023-09-29T06:45:05", "2023-09-29T06:45:05", "2023-09-29T07:01:00"],
            "ASSIGNMENT:reward": ["0.05"] * 3,
        }
    )
    path = tmp_path / "export.tsv"
    rows.to_csv(path, sep="\t", index=False)
    return path, rows


def test_an_export_is_read_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, rows = export(tmp_path)
    answers = run_demo(path, tmp_path, capsys).set_index("ASSIGNMENT:task_id").loc[rows["ASSIGNMENT:task_id"]]
    for name in ("INPUT:text", "OUTPUT:result", "ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id"):
        assert answers[name].tolist() == rows[name].tolist()
    assert answers["ASSIGNMENT:status"].tolist() == ["ACCEPTED", "ACCEPTED", "REJECTED"]
    assert answers["ASSIGNMENT:started"].iloc[0] == pd.Timestamp("2023-09-29T06:44:05.190", tz="UTC")


REAL_TASKS = ["headlinecause/honey_tasks.tsv", "headlinecause/training_tasks.tsv", "scratchplot/ending_training_tasks.tsv"]
REAL_EXPORTS = [
    "mera/bps_assignments_from_pool_41554142.tsv",
    "mera/rwsd_assignments_from_pool_41266267.tsv",
    "scratchplot/ending_assignments.tsv",
]


@pytest.mark.parametrize("name", REAL_TASKS)
def test_real_tasks_are_uploaded_and_answered(
    name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = pd.read_csv(data / name, sep="\t", dtype=str, keep_default_na=False)
    answers = run_demo(data / name, tmp_path, capsys)
    inputs = [column for column in tasks if column.startswith("INPUT:")]
    sent = set(tasks[inputs].itertuples(index=False, name=None))
    assert set(answers[inputs].fillna("").itertuples(index=False, name=None)) == sent


@pytest.mark.parametrize("name", REAL_EXPORTS)
def test_real_exports_are_read_completely(name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.read_csv(data / name, sep="\t", dtype=str, keep_default_na=False)
    rows = rows[rows["ASSIGNMENT:task_id"] != ""]
    answers = run_demo(data / name, tmp_path, capsys)
    assert len(answers) == len(rows)
    columns = [column for column in rows if column.startswith(("INPUT:", "OUTPUT:")) or column.endswith("worker_id")]
    assert set(columns) <= set(answers)
    cells = answers[columns].fillna("").itertuples(index=False, name=None)
    assert sorted(cells) == sorted(rows[columns].itertuples(index=False, name=None))


UNREADABLE: dict[str, tuple[str, bytes | None, str]] = {
    "a missing file": ("missing.tsv", None, "missing.tsv cannot be read"),
    "a missing Parquet file": ("missing.parquet", None, "missing.parquet cannot be read"),
    "another file format": ("tasks.xlsx", b"PK", "neither .tsv, .csv nor .parquet"),
    "an empty file": ("tasks.csv", b"", "tasks.csv cannot be read"),
    "only a header": ("tasks.csv", b"a,b\n", "no rows"),
    "bytes that are not text": ("tasks.tsv", b"\xff\xfe\x00", "tasks.tsv cannot be read"),
    "text that is not Parquet": ("tasks.parquet", b"a,b\n1,2\n", "tasks.parquet cannot be read"),
    "an export without task ids": ("export.tsv", b"INPUT:a\tASSIGNMENT:link\nx\ty\n", "ASSIGNMENT:task_id"),
}


@pytest.mark.parametrize(("name", "content", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_reported_in_one_sentence(
    name: str, content: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / name, tmp_path / "out.parquet"
    if content is not None:
        path.write_bytes(content)
    assert main(["demo", "--data", str(path), "--out", str(out)]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_file_ends_the_command_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "demo", "--data", "missing.tsv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "missing.tsv cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_output_folder_is_reported_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = export(tmp_path)
    out = tmp_path / "missing" / "out.parquet"
    assert main(["demo", "--data", str(path), "--out", str(out)]) == 1
    assert "missing" in capsys.readouterr().err
