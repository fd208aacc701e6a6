"""What IPython shows of both clients and of rows: signatures, docstrings and completions, as with Shift+Tab and Tab."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.sample_project import create_pool

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames.local import LocalToloka

provisional = pytest.importorskip("IPython.core.completer").provisionalcompleter
CALLS = ["get_pool", "get_requester", "find_pools", "get_pools", "get_app_batches", "create_project", "clone_project"]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A shell of IPython, without its history on disk."""
    os.environ.setdefault("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    core = pytest.importorskip("IPython.core.interactiveshell")
    config = pytest.importorskip("traitlets.config").Config()
    config.HistoryManager.enabled = False
    return core.InteractiveShell(config=config)


@pytest.fixture
def names(shell: Any, toloka: LocalToloka) -> Iterator[dict[str, Any]]:
    """The names of a notebook: both clients, a pool and a list of pools."""
    client, async_client = toloka.client(), toloka.async_client()
    pool = client.get_pool(create_pool(async_client))
    shell.user_ns.update(client=client, async_client=async_client, pool=pool, pools=list(client.get_pools()))
    yield shell.user_ns
    for name in ("client", "async_client", "pool", "pools"):
        del shell.user_ns[name]


def completed(shell: Any, text: str) -> list[str]:
    """Return what Tab offers after a text, as a kernel asks IPython for it."""
    with provisional():
        found = [completion.text for completion in shell.Completer.completions(text, len(text))]
    return [name.removeprefix(".").rpartition(".")[2] for name in found]


@pytest.mark.parametrize("client", ["client", "async_client"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.usefixtures("names")
def test_a_question_mark_shows_signature_and_docstring(shell: Any, client: str, name: str) -> None:
    found = shell.object_inspect(f"{client}.{name}")
    assert found["found"]
    assert found["definition"].startswith(f"{client}.{name}(")
    assert "self" not in found["definition"]
    assert "filters" not in found["definition"]
    assert found["docstring"].partition("\n")[0].endswith(".")


@pytest.mark.usefixtures("names")
def test_both_clients_show_the_same_signatures(shell: Any) -> None:
    for name in CALLS:
        shown = [shell.object_inspect(f"{client}.{name}")["definition"] for client in ("client", "async_client")]
        # IPython breaks lines by the length of the name
        one, other = (re.sub(r"[\s,]+", " ", text).partition(".")[2].replace("( ", "(").replace(" )", ")") for text in shown)
        assert one == other
        assert "->" in one


@pytest.mark.parametrize("client", ["client", "async_client"])
@pytest.mark.usefixtures("names")
def test_tab_offers_the_methods_of_a_client(shell: Any, client: str) -> None:
    assert set(completed(shell, f"{client}.get_app_b")) == {"get_app_batch", "get_app_batches"}
    assert "find_pools" in completed(shell, f"{client}.find_p")
    assert completed(shell, f"{client}.get_projcet") == []


@pytest.mark.parametrize("client", ["client", "async_client"])
@pytest.mark.usefixtures("names")
def test_tab_offers_the_keywords_of_a_list(shell: Any, client: str) -> None:
    assert {"status=", "created_gte="} <= set(completed(shell, f"{client}.get_app_batches('P', "))


@pytest.mark.usefixtures("names")
def test_tab_offers_the_keys_of_a_row(shell: Any) -> None:
    assert "status" in completed(shell, "pool.st")
    assert completed(shell, "pool.reward_per") == ["reward_per_assignment"]
    assert "status" in {name.strip("'\"]") for name in completed(shell, "pool['st")}


@pytest.mark.usefixtures("names")
def test_completion_sends_no_request(shell: Any, toloka: LocalToloka) -> None:
    before = len(toloka.requests)
    for text in ("client.get_p", "async_client.get_p", "pool.st", "client.get_pools(", "client.", "pool."):
        completed(shell, text)
    assert len(toloka.requests) == before


def test_dir_of_a_row_has_its_keys_at_every_depth(names: dict[str, Any]) -> None:
    pool = names["pool"]
    assert isinstance(pool, tf.Row)
    assert "real_tasks_count" in dir(pool.mixer_config)
    assert "status" in dir(names["pools"][0])
