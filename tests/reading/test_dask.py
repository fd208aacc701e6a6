"""A list as a Dask DataFrame, in threads and in the processes of a real cluster, which have their own tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from distributed import Client, LocalCluster
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames._reading.dask import _worker_processes
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dask.dataframe as dd

ROWS = 300


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0.05) as service:
        yield service


@pytest.fixture(scope="module")
def tasks(toloka: LocalToloka) -> tf.Scan:
    """Tasks created by three uploads."""
    client = toloka.async_client()
    pool_id = create_pool(client)
    for part in range(3):
        numbers = range(part * ROWS // 3, (part + 1) * ROWS // 3)
        frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in numbers], "number": list(numbers)})
        frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    return client.get_tasks(pool_id)


@pytest.fixture(scope="module")
def cluster(toloka: LocalToloka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Two processes with the token of the service in TOLOKA_TOKEN and another token in another variable."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TOLOKA_TOKEN", toloka.token)
        environment.setenv("OTHER_TOKEN", other_token(toloka))
        folder = tmp_path_factory.mktemp("workers")
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0", local_directory=folder
            ) as workers,
            Client(workers) as client,
        ):
            yield client


def other_token(toloka: LocalToloka) -> str:
    """Return a token that the service does not accept."""
    return toloka.token[::-1]


# Dask 2025.1 warns of a scheduler in this process while a cluster is open
in_this_process = pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler:UserWarning")


def computed_by_id(frame: dd.DataFrame) -> pd.DataFrame:
    computed: pd.DataFrame = frame.compute()
    return computed.sort_values("id", ignore_index=True)


in_a_cluster = pytest.mark.usefixtures("cluster")


def pid_and_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"process": [os.getpid()], "rows": [len(frame)]})


@in_a_cluster
def test_a_cluster_reads_the_same_rows_as_one_process(tasks: tf.Scan) -> None:
    frame = tf.to_dask(tasks, 4)
    assert 1 < frame.npartitions <= 4
    pd.testing.assert_frame_equal(computed_by_id(frame), tasks.to_dataframe())
    read = frame.map_partitions(pid_and_rows, meta={"process": int, "rows": int}).compute()
    assert read["rows"].sum() == ROWS
    assert os.getpid() not in set(read["process"])


@in_a_cluster
def test_the_number_of_processes_of_the_cluster_is_known() -> None:
    assert _worker_processes() == 2


@in_a_cluster
def test_dtypes_are_known_without_reading_rows(toloka: LocalToloka, tasks: tf.Scan) -> None:
    before = len(toloka.requests)
    frame = tf.to_dask(tasks, 4, dtype_backend="pyarrow")
    expected = tasks.to_dataframe(dtype_backend="pyarrow")
    assert frame.dtypes.to_dict() == expected.dtypes.to_dict()
    assert len(toloka.requests) - before < 40
    pd.testing.assert_frame_equal(computed_by_id(frame), expected)


@in_this_process
@in_a_cluster
def test_selected_columns_are_known_and_requested_alone(tasks: tf.Scan) -> None:
    frame = tf.to_dask(tasks, 4, columns=["overlap", "id"])
    assert list(frame.columns) == ["id", "overlap"]
    rows = frame.compute(scheduler="synchronous").sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(rows, tasks.to_dataframe(columns=["id", "overlap"]))
    with pytest.raises(tf.InputError, match="no column 'ids'"):
        tf.to_dask(tasks, 4, columns=["ids"])


def test_dask_operations_work_on_the_frame(tasks: tf.Scan) -> None:
    frame = tf.to_dask(tasks, 4)
    assert frame["INPUT:number"].sum().compute() == sum(range(ROWS))
    assert frame["overlap"].value_counts().compute().sum() == ROWS


@in_a_cluster
def test_workers_call_the_callable_for_the_token(toloka: LocalToloka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_TOKEN", other_token(toloka))
    with LocalToloka(token=other_token(toloka)) as other:
        client = tf.AsyncTolokaClient(partial(os.getenv, "OTHER_TOKEN"), url=other.url)
        tf.run(client.create_skill({"name": "Cats"}))
        assert tf.to_dask(client.get_skills(global_=False), 2).compute()["name"].tolist() == ["Cats"]


@in_a_cluster
def test_an_empty_list_is_a_frame_with_all_columns(toloka: LocalToloka) -> None:
    scan = toloka.async_client().get_skills(name="no such skill")
    pd.testing.assert_frame_equal(tf.to_dask(scan, 4).compute(), scan.to_dataframe())


@in_a_cluster
def test_a_new_frame_requests_rows_again_even_if_an_earlier_one_is_persisted(toloka: LocalToloka) -> None:
    client = toloka.async_client()
    skill = tf.run(client.create_skill({"name": "Dogs"}))
    scan = client.get_skills(created_lt="2099-01-01", global_=False)
    persisted = tf.to_dask(scan, 1).persist()
    assert persisted.compute()["name"].tolist() == ["Dogs"]
    tf.run(client.update_skill(skill["id"], {"name": "Cats and dogs"}))
    assert tf.to_dask(scan, 1).compute()["name"].tolist() == ["Cats and dogs"]


@in_this_process
def test_without_a_cluster_threads_of_this_process_read_the_list(tasks: tf.Scan) -> None:
    frame = tf.to_dask(tasks, 3)
    computed = frame.compute(scheduler="threads").sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(computed, tasks.to_dataframe())


def test_a_value_that_is_not_a_scan_is_rejected() -> None:
    with pytest.raises(tf.InputError, match="reads a Scan, and this is DataFrame"):
        tf.to_dask(pd.DataFrame(), 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", [{"npartitions": 0}, {"npartitions": 2, "workers": 0}, {"npartitions": 2, "dtype_backend": "x"}]
)
def test_invalid_arguments_are_rejected(tasks: tf.Scan, arguments: dict[str, Any]) -> None:
    with pytest.raises(tf.InputError):
        tf.to_dask(tasks, **arguments)


WITHOUT_DASK = """
import sys
sys.modules["dask"] = None
import toloka_frames as tf
try:
    tf.to_dask(tf.AsyncTolokaClient("t", "SANDBOX").get_pools(), 2)
except ImportError as error:
    print(error)
"""


def test_without_dask_the_error_says_how_to_install_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_DASK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "tf.to_dask needs Dask: pip install 'toloka_frames[dask]'"
