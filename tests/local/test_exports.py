from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the open Toloka exports are not at {DATA}")
EXPORTS = [
    "mera/bps_assignments_from_pool_41554142.tsv",
    "mera/rwsd_assignments_from_pool_41266267.tsv",
    "scratchplot/ending_assignments.tsv",
]


def write(path: Path, rows: list[list[str]], *, end: str = "\n", bom: bool = False) -> Path:
    """Write a TSV file like the platform's; `rows` are lists of cells, and an empty list is a blank row."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator=end)
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if any(row.values())]


def all_rows(api: RawClient, path: str, pool_id: str) -> list[dict[str, Any]]:
    return api.get(path, pool_id=pool_id, limit=100_000)["items"]


@needs_data
@pytest.mark.parametrize("name", EXPORTS)
def test_a_real_export_is_loaded_cell_by_cell(toloka: LocalToloka, api: RawClient, name: str) -> None:
    pool_id = toloka.load_export(DATA / name)
    sent = read_rows(DATA / name)
    assignments = {row["id"]: row for row in all_rows(api, "/v1/assignments", pool_id)}
    assert sum(len(row["tasks"]) for row in assignments.values()) == len(sent)
    positions = dict.fromkeys(assignments, 0)
    for cells in sent:
        row = assignments[cells["ASSIGNMENT:assignment_id"]]
        position = positions[row["id"]]
        positions[row["id"]] += 1
        task, solution = row["tasks"][position], row["solutions"][position]
        assert task["id"] == cells["ASSIGNMENT:task_id"]
        assert task["input_values"] == fields(cells, "INPUT:")
        assert solution["output_values"] == fields(cells, "OUTPUT:")
        assert row["user_id"] == cells["ASSIGNMENT:worker_id"]
        assert row["status"] == "ACCEPTED"
        assert row["created"] == cells["ASSIGNMENT:started"].removesuffix(".000")
        golden = fields(cells, "GOLDEN:")
        known_solutions = [solution["output_values"] for solution in task.get("known_solutions", [])]
        assert known_solutions == ([golden] if golden else [])
        if "ASSIGNMENT:reward" in cells:
            assert row["reward"] == float(cells["ASSIGNMENT:reward"])
            assert row["task_suite_id"] == cells["ASSIGNMENT:task_suite_id"]


def fields(cells: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): cell for name, cell in cells.items() if name.startswith(prefix) and cell}


@needs_data
def test_a_real_export_becomes_a_pool_with_tasks_and_suites(toloka: LocalToloka, api: RawClient) -> None:
    path = DATA / EXPORTS[0]
    assert toloka.load_export(path) == "41554142"
    cells = read_rows(path)
    pool = api.get("/v1/pools/41554142")
    assert (pool["status"], pool["last_close_reason"]) == ("CLOSED", "COMPLETED")
    assert {row["id"] for row in all_rows(api, "/v1/tasks", "41554142")} == {row["ASSIGNMENT:task_id"] for row in cells}
    suites = {row["id"]: row for row in all_rows(api, "/v1/task-suites", "41554142")}
    assert set(suites) == {row["ASSIGNMENT:task_suite_id"] for row in cells}
    spec = api.get(f"/v1/projects/{pool['project_id']}")["task_spec"]
    assert spec["input_spec"] == {"parentheses": {"type": "string", "required": True, "hidden": False}}
    assert set(spec["output_spec"]) == {"correct"}
    task_id = cells[0]["ASSIGNMENT:task_id"]
    assert api.get(f"/v1/tasks/{task_id}")["created"] == "2023-09-28T20:54:12"
    same_task = [row for row in cells if row["ASSIGNMENT:task_id"] == task_id]
    assert len(api.get("/v1/assignments", task_id=task_id, limit=1000)["items"]) == len(same_task)
    assert api.get("/v1/task-suites", task_id=task_id)["items"]


@needs_data
def test_a_dataframe_loads_like_the_file(toloka: LocalToloka, api: RawClient) -> None:
    path = DATA / EXPORTS[1]
    frame = pd.read_csv(path, sep="\t", dtype=str)  # empty cells become missing values
    pool_id = toloka.load_export(frame)
    cells = read_rows(path)
    tasks = {row["id"]: row for row in all_rows(api, "/v1/tasks", pool_id)}
    assert all(tasks[row["ASSIGNMENT:task_id"]]["input_values"] == fields(row, "INPUT:") for row in cells)


@needs_data
def test_loading_an_export_twice_is_an_error(toloka: LocalToloka) -> None:
    path = DATA / EXPORTS[1]
    toloka.load_export(path)
    with pytest.raises(ValueError, match="already"):
        toloka.load_export(path)


HEADER = [
    "INPUT:text",
    "INPUT:two-words",
    "OUTPUT:result",
    "GOLDEN:result",
    "HINT:text",
    "HINT:default_language",
    "",
    "ASSIGNMENT:link",
    "ASSIGNMENT:task_id",
    "ASSIGNMENT:worker_id",
    "ASSIGNMENT:status",
    "ASSIGNMENT:started",
]
LINK = "https://platform.toloka.ai/task/30578585/"
ASSIGNMENT = "0001d29799--61c53f50a9078b7077af86d"
TASK = "0001d29799--61c53dfb8a7e2d04d1b1344"


def line(text: str, **cells: str) -> list[str]:
    found = {
        "INPUT:text": text,
        "OUTPUT:result": "1",
        "": "junk",
        "ASSIGNMENT:link": f"{LINK}{ASSIGNMENT}0",
        "ASSIGNMENT:task_id": f"{TASK}0",
        "ASSIGNMENT:worker_id": "f0d29388e43fb51bf4f303eb728f7853",
        "ASSIGNMENT:status": "APPROVED",
        "ASSIGNMENT:started": "2021-12-24T03:32:32.846",
        **cells,
    }
    return [found.get(name, "") for name in HEADER]


TEXTS = [
    "NA",
    "None",
    "True",
    "007",
    "[ ]",
    "2022-01-01",
    "a\nb",
    "a\r\nb",
    "a\tb",
    'say "x"',
    '"quoted"',
    " ",
    "я",
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_loaded_as_exact_text(toloka: LocalToloka, api: RawClient, tmp_path: Path, end: str) -> None:
    rows = [line(text, **{"ASSIGNMENT:task_id": f"{TASK[:-1]}{number:02}"}) for number, text in enumerate(TEXTS)]
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", [HEADER, *rows], end=end, bom=True))
    [row] = all_rows(api, "/v1/assignments", pool_id)
    assert [task["input_values"] for task in row["tasks"]] == [{"text": text} for text in TEXTS]
    assert row["solutions"][0] == {"output_values": {"result": "1"}}


def test_the_link_identifies_the_assignment_and_blank_rows_are_skipped(
    toloka: LocalToloka, api: RawClient, tmp_path: Path
) -> None:
    rows = [
        HEADER,
        line("a"),
        line("b", **{"ASSIGNMENT:task_id": f"{TASK}1"}),
        [],
        [""] * len(HEADER),
        line("b", **{"ASSIGNMENT:task_id": f"{TASK}1", "ASSIGNMENT:link": f"{LINK}{ASSIGNMENT}1"}),
        [],
    ]
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", rows))
    found = all_rows(api, "/v1/assignments", pool_id)
    assert pool_id == "30578585"
    assert {row["id"]: len(row["tasks"]) for row in found} == {f"{ASSIGNMENT}0": 2, f"{ASSIGNMENT}1": 1}
    assert len({row["task_suite_id"] for row in found}) == 2
    assert not {"submitted", "accepted"} & set(found[0])
    assert api.get(f"/v1/tasks/{TASK}1")["overlap"] == 2


def test_without_a_link_worker_and_start_identify_the_assignment(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    plain = {"ASSIGNMENT:link": ""}
    rows = [
        HEADER,
        line("a", **plain),
        line("b", **plain, **{"ASSIGNMENT:task_id": f"{TASK}1"}),
        line("a", **plain, **{"ASSIGNMENT:worker_id": "other"}),
    ]
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", rows))
    assert sorted(len(row["tasks"]) for row in all_rows(api, "/v1/assignments", pool_id)) == [1, 2]


def test_rows_without_an_assignment_are_an_error(toloka: LocalToloka, tmp_path: Path) -> None:
    without = {"ASSIGNMENT:link": "", "ASSIGNMENT:worker_id": "", "ASSIGNMENT:started": ""}
    with pytest.raises(ValueError, match="assignment"):
        toloka.load_export(write(tmp_path / "export.tsv", [HEADER, line("a", **without)]))
    with pytest.raises(ValueError, match="task_id"):
        toloka.load_export(write(tmp_path / "export.tsv", [HEADER, line("a", **{"ASSIGNMENT:task_id": ""})]))
    with pytest.raises(ValueError, match="no rows"):
        toloka.load_export(write(tmp_path / "export.tsv", [HEADER]))


def test_golden_and_hint_columns_make_control_and_training_tasks(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    hints = {"GOLDEN:result": "2", "HINT:text": "Look again", "HINT:default_language": "EN"}
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", [HEADER, line("a", **hints)]))
    [task] = all_rows(api, "/v1/tasks", pool_id)
    assert task["known_solutions"] == [{"output_values": {"result": "2"}, "correctness_weight": 1.0}]
    assert task["message_on_unknown_solution"] == "Look again"
    assert task["localization_config"] == {"default_language": "EN"}
    assert task["infinite_overlap"]


def test_timestamps_of_every_length_are_parsed(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    spellings = {
        "2021-12-24T03:32:32.846": "2021-12-24T03:32:32.846",
        "2021-12-24T03:32:31.000": "2021-12-24T03:32:31",
        "2021-12-24T03:32:30": "2021-12-24T03:32:30",
        "2021-12-24T03:31": "2021-12-24T03:31:00",
    }
    rows = [line("a", **{"ASSIGNMENT:started": started, "ASSIGNMENT:link": ""}) for started in spellings]
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", [HEADER, *rows]))
    assert {row["created"] for row in all_rows(api, "/v1/assignments", pool_id)} == set(spellings.values())


def test_ids_without_a_pool_get_a_new_pool(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    old = {"ASSIGNMENT:task_id": "f432cac2-7184-47a3-8220-12ce362cb208", "ASSIGNMENT:link": ""}
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", [HEADER, line("a", **old)]))
    assert [row["id"] for row in all_rows(api, "/v1/tasks", pool_id)] == [old["ASSIGNMENT:task_id"]]


def test_an_unanswered_assignment_has_no_solutions(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    skipped = {"ASSIGNMENT:status": "SKIPPED", "OUTPUT:result": ""}
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", [HEADER, line("a", **skipped)]))
    [row] = all_rows(api, "/v1/assignments", pool_id)
    assert row["status"] == "SKIPPED"
    assert "solutions" not in row


def test_the_specification_follows_from_columns_and_missing_values(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    rows = [HEADER, line("a", **{"INPUT:two-words": "x"}), line("b", **{"ASSIGNMENT:task_id": f"{TASK}1"})]
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", rows))
    project_id = api.get(f"/v1/pools/{pool_id}")["project_id"]
    spec = api.get(f"/v1/projects/{project_id}")["task_spec"]["input_spec"]
    assert {name: field["required"] for name, field in spec.items()} == {"text": True, "two-words": False}


def test_several_rewards_in_one_pool_are_kept(toloka: LocalToloka, api: RawClient) -> None:
    frame = pd.DataFrame(
        {
            "INPUT:a": ["x", "x", "x"],
            "ASSIGNMENT:task_id": "task",
            "ASSIGNMENT:assignment_id": ["one", "two", "three"],
            "ASSIGNMENT:reward": ["0.0220000000", "0.019", pd.NA],
        }
    )
    pool_id = toloka.load_export(frame)
    rewards = {row["id"]: row["reward"] for row in all_rows(api, "/v1/assignments", pool_id)}
    assert rewards == {"one": 0.022, "two": 0.019, "three": 0.022}


def test_an_assignment_without_submission_time_can_be_accepted(toloka: LocalToloka, api: RawClient, tmp_path: Path) -> None:
    pool_id = toloka.load_export(write(tmp_path / "export.tsv", [HEADER, line("a", **{"ASSIGNMENT:status": "SUBMITTED"})]))
    [row] = all_rows(api, "/v1/assignments", pool_id)
    response = api.http.patch(f"/v1/assignments/{row['id']}", json={"status": "ACCEPTED", "public_comment": "Thanks"})
    assert (response.status_code, response.json()["status"]) == (200, "ACCEPTED")
