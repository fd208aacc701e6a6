"""The command line: version and help, `serve` until Ctrl-C, and errors in one sentence."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pandas as pd
import pytest
from support.child_process import child_process
from support.forked_scripts import run_script
from support.free_ports import free_port
from support.scripted_server import reply

import toloka_frames as tf
from toloka_frames._cli import CHECK_SECONDS, ENVIRONMENT_NAMES, main
from toloka_frames._transport.connections import HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import Scripted

    from toloka_frames.local import LocalToloka

COMMAND = str(Path(sysconfig.get_path("scripts")) / "toloka-frames")
COMMANDS = {"toloka-frames": [COMMAND], "python -m toloka_frames": [sys.executable, "-m", "toloka_frames"]}
TIMEOUT_SECONDS = 120
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


def run_command(*arguments: str, folder: Path, name: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command as it is called by its name, or without a name its function in a process that has imported it."""
    if not name:
        return run_script("import sys; from toloka_frames._cli import main; sys.exit(main())", *arguments, folder=folder)
    command = [*COMMANDS[name], *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)


@contextmanager
def serving(
    folder: Path, *arguments: str, log: IO[str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str, tf.AsyncTolokaClient]]:
    """Start `serve`, its errors into `log`; yield the process, its first line, and a client made from its second line."""
    with child_process([COMMAND, "serve", *arguments], cwd=folder, stderr=log) as process:
        assert process.stdout is not None
        first_line, client_line = process.stdout.readline(), process.stdout.readline()
        match = re.fullmatch(r"tf\.TolokaClient\('(.+)', url='(.+)'\)\n", client_line)
        assert match is not None
        client = tf.AsyncTolokaClient(match[1], url=match[2])
        yield process, first_line, client
        tf.run(client.aclose())


def interrupt(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(TIMEOUT_SECONDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_prints_its_version(name: str, tmp_path: Path) -> None:
    done = run_command("--version", folder=tmp_path, name=name)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tf.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--help"], ["demo", "--help"], ["serve", "--help"]], ids=" ".join)
def test_help_is_printed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 0
    assert capsys.readouterr().out.startswith("usage: toloka-frames")


def test_the_environments_and_the_time_of_doctor_are_those_of_the_package() -> None:
    assert tuple(HOSTS) == ENVIRONMENT_NAMES
    assert signature(tf.doctor).parameters["timeout"].default == CHECK_SECONDS


WRONG_ARGUMENTS = {
    "no command": [],
    "a misspelled command": ["dmeo"],
    "a port that is not a number": ["serve", "--port", "many"],
    "an unknown option": ["demo", "--rows", "5"],
    "an unknown environment": ["doctor", "--environment", "TEST"],
    "an environment and a url": ["doctor", "--environment", "PRODUCTION", "--url", "http://127.0.0.1"],
    "a token on the command line": ["doctor", "--token", "T"],
    "no time": ["doctor", "--timeout", "0"],
    "endless time": ["doctor", "--timeout", "inf"],
    "a time that is text": ["doctor", "--timeout", "soon"],
    "no speed": ["serve", "--answer", "--speed", "0"],
}


@pytest.mark.parametrize("arguments", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_a_wrong_command_line_prints_the_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith("usage: toloka-frames")


def doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, **variables: str
) -> tuple[int, str]:
    """Run `doctor` with these variables of Toloka's; return its exit status and what it prints."""
    for name in ("TOLOKA_TOKEN", "TOLOKA_URL", "TOLOKA_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status = main(["doctor", *arguments])
    printed = capsys.readouterr()
    assert printed.err == ""
    return status, printed.out


def test_doctor_prints_its_report(
    toloka: LocalToloka, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, variables in [(["--url", toloka.url], {}), ([], {"TOLOKA_URL": toloka.url})]:
        status, text = doctor(monkeypatch, capsys, *arguments, TOLOKA_TOKEN=toloka.token, **variables)
        assert status == 0
        assert text.startswith("toloka-frames doctor, ")
        assert text.endswith("\nNo check failed.\n")
        assert f"{toloka.url} responded in " in text
        assert "TOLOKA_TOKEN is set" in text
        assert toloka.token not in text
    assert {request.method for request in toloka.requests} == {"GET"}


def test_doctor_fails_if_a_check_fails(
    toloka: LocalToloka, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toloka.faults.answer(403, "GET /v1/skills")
    status, text = doctor(monkeypatch, capsys, "--url", toloka.url, TOLOKA_TOKEN=toloka.token)
    assert status == 1
    assert text.endswith("\n1 of these checks failed.\n")
    assert "  FAIL skills " in text


NOT_SENT = {
    "no token": ([], {}, "TOLOKA_TOKEN is not set"),
    "a token that cannot be sent": ([], {"TOLOKA_TOKEN": "to ken\u00e9"}, "The token is not text"),
    "a url that is not one": (["--url", "toloka"], {"TOLOKA_TOKEN": "T"}, "is not the URL of a host"),
    "a variable that is not a url": ([], {"TOLOKA_TOKEN": "T", "TOLOKA_URL": "toloka"}, "TOLOKA_URL='toloka'"),
    "certificates that do not exist": (
        [],
        {"TOLOKA_TOKEN": "T", "SSL_CERT_FILE": "missing.pem"},
        "SSL_CERT_FILE='missing.pem'",
    ),
    "a proxy that is not one": ([], {"TOLOKA_TOKEN": "T", "HTTPS_PROXY": "ftp://p"}, "HTTPS_PROXY is not the URL of a proxy"),
}


@pytest.mark.parametrize(("arguments", "variables", "message"), NOT_SENT.values(), ids=NOT_SENT)
def test_doctor_reports_what_prevents_a_client(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    variables: dict[str, str],
    message: str,
) -> None:
    monkeypatch.delenv("https_proxy", raising=False)
    status, text = doctor(monkeypatch, capsys, *arguments, **variables)
    assert status == 1
    assert message in text
    assert "  ok   Python " in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_doctor_prints_text_of_the_service_in_any_encoding(scripted: Scripted, encoding: str, tmp_path: Path) -> None:
    scripted.answers = [reply({"code": "X", "message": "нет доступа"}, 403)]
    environment = os.environ | {"TOLOKA_TOKEN": scripted.token, "PYTHONIOENCODING": encoding}
    command = [*COMMANDS["toloka-frames"], "doctor", "--url", scripted.url]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "403 X" in done.stdout.decode(encoding)


@on_posix
def test_serve_responds_over_http_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    with serving(tmp_path, "--port", "0") as (process, first_line, client):
        assert client.service.url in first_line
        assert "a temporary file" in first_line
        assert tf.run(client.get_requester())["id"]
        assert interrupt(process) in (0, 130)
    assert list(tmp_path.iterdir()) == []


@on_posix
def test_serve_lets_tolokers_answer_every_open_pool(tmp_path: Path) -> None:
    log = (tmp_path / "log").open("w")
    with log, serving(tmp_path, "--port", "0", "--answer", "--speed", "1000", log=log) as (process, _, client):
        project = tf.run(client.create_project({**PROJECT, "assignments_automerge_enabled": True}))
        pool = tf.run(client.create_pool(tf.pool_form(project["id"], reward=0.02, overlap=3, real=5)))
        frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(10)]})
        frame.pipe(tf.create_tasks, client, pool["id"], allow_defaults=True, open_pool=True, progress=False)
        assert (
            tf.wait_pool(client, pool["id"], every=1, timeout=TIMEOUT_SECONDS, progress=False)["last_close_reason"]
            == "COMPLETED"
        )
        assert len(client.get_assignments(pool["id"], status="ACCEPTED").to_dataframe()) == 30
        assert interrupt(process) in (0, 130)
    [warning] = (tmp_path / "log").read_text().splitlines()
    assert warning.startswith(f"Pool {pool['id']} uses what simulated Tolokers do not know: assignments_automerge_enabled (")


@on_posix
def test_serve_with_a_file_keeps_its_state_across_a_restart(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(tmp_path, "--db", "toloka.db", "--port", port) as (process, first_line, before):
        assert "toloka.db" in first_line
        project = tf.run(before.create_project(PROJECT))
        assert interrupt(process) in (0, 130)
    with serving(tmp_path, "--db", "toloka.db", "--port", port) as (process, _, after):
        assert after.service.url == before.service.url
        assert tf.run(after.get_project(project["id"])) == project
        assert interrupt(process) in (0, 130)


def test_a_killed_service_keeps_everything_that_it_has_confirmed(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(tmp_path, "--db", "toloka.db", "--port", port) as (process, _, client):
        projects = [tf.run(client.create_project(PROJECT)) for _ in range(20)]
        process.kill()
        process.wait(TIMEOUT_SECONDS)
        with serving(tmp_path, "--db", "toloka.db", "--port", port):
            assert [tf.run(client.get_project(project["id"])) for project in projects] == projects
            assert tf.run(client.create_project(PROJECT))["id"] not in {project["id"] for project in projects}


def test_a_second_service_on_the_same_file_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, "--db", "toloka.db", "--port", "0") as (_, _, client):
        done = run_command("serve", "--db", "toloka.db", "--port", "0", folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "toloka.db cannot hold the state: another service is using it\n"
        assert tf.run(client.get_requester())["id"]


def test_a_port_in_use_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_command("serve", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_out_of_range_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    done = run_command("serve", "--port", "99999", folder=tmp_path)
    assert done.returncode in (1, 2)
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_a_database_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "toloka.db").write_text("no database at all\n" * 100)
    done = run_command("serve", "--db", "toloka.db", "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "toloka.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_folder_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    done = run_command("serve", "--db", "missing/toloka.db", "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(Path("missing") / "toloka.db") in done.stderr
    assert "Traceback" not in done.stderr
