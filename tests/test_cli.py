"""The command says what it does, serves until it is stopped, and fails with a sentence."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toloka_frames as tf
from toloka_frames._cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sysconfig.get_path("scripts")) / "toloka-frames")
A_WHILE = 30
PROJECT = {
    "public_name": "Animals",
    "public_description": "Which one?",
    "assignments_issuing_type": "AUTOMATED",
    "task_spec": {
        "input_spec": {"image": {"type": "url"}},
        "output_spec": {"result": {"type": "string"}},
        "view_spec": {"type": "classic"},
    },
}

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process alone")


def called(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=A_WHILE, check=False)


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, tf.AsyncTolokaClient]]:
    """The command `serve`, the first line that it said, and a client as its second line has it."""
    with subprocess.Popen([COMMAND, "serve", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said, made = process.stdout.readline(), process.stdout.readline()
            token, url = re.fullmatch(r"tf\.AsyncTolokaClient\('(.+)', url='(.+)'\)\n", made).groups()  # type: ignore[union-attr]
            client = tf.AsyncTolokaClient(token, url=url)
            yield process, said, client
            tf.run(client.aclose())
        finally:
            process.kill()


def stopped(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(A_WHILE)


def test_the_command_says_its_version(tmp_path: Path) -> None:
    done = called("--version", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tf.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["serve", "--help"]], ids=" ".join)
def test_the_command_helps(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: toloka-frames")


WRONG = {
    "nothing": [],
    "a misspelt command": ["dmeo"],
    "a port in words": ["serve", "--port", "many"],
    "an unknown option": ["demo", "--rows", "5"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_a_wrong_command_line_is_told_with_the_right_one(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: toloka-frames")


@on_posix
def test_a_service_answers_over_http_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    with serving(tmp_path, "--port", "0") as (process, said, client):
        assert client.service.url in said
        assert "a temporary file" in said
        assert tf.run(client.get_requester())["id"]
        assert stopped(process) in (0, 130)
    assert list(tmp_path.iterdir()) == []


@on_posix
def test_a_service_with_a_file_comes_back_at_its_port_and_remembers(tmp_path: Path) -> None:
    with serving(tmp_path, "--db", "toloka.db", "--port", "0") as (process, said, before):
        assert "toloka.db" in said
        made = tf.run(before.create_project(PROJECT))
        assert stopped(process) in (0, 130)
    port = before.service.url.rpartition(":")[2]
    with serving(tmp_path, "--db", "toloka.db", "--port", port) as (process, _, after):
        assert after.service.url == before.service.url
        assert tf.run(after.get_project(made["id"])) == made
        assert stopped(process) in (0, 130)


def test_a_service_that_is_killed_goes_on_with_all_that_it_had_answered(tmp_path: Path) -> None:
    with serving(tmp_path, "--db", "toloka.db", "--port", "0") as (process, _, client):
        made = [tf.run(client.create_project(PROJECT)) for _ in range(20)]
        process.kill()
        process.wait(A_WHILE)
        port = client.service.url.rpartition(":")[2]
        with serving(tmp_path, "--db", "toloka.db", "--port", port):
            assert [tf.run(client.get_project(project["id"])) for project in made] == made
            assert tf.run(client.create_project(PROJECT))["id"] not in {project["id"] for project in made}


def test_a_second_service_on_one_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, "--db", "toloka.db", "--port", "0") as (_, _, client):
        done = called("serve", "--db", "toloka.db", "--port", "0", folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"toloka\.db .* in use\n", done.stderr)
        assert tf.run(client.get_requester())["id"]


def test_a_port_that_is_taken_is_told_without_a_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = called("serve", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_cannot_be_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = called("serve", "--port", "99999", folder=tmp_path)
    assert done.returncode in (1, 2)
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_state_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "toloka.db").write_text("no database at all\n" * 100)
    done = called("serve", "--db", "toloka.db", "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "toloka.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_missing_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = called("serve", "--db", "missing/toloka.db", "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(Path("missing") / "toloka.db") in done.stderr
    assert "Traceback" not in done.stderr
