"""The command `toloka-frames`: check an account and this machine, show a demo without an account, run the local service."""

from __future__ import annotations

import argparse
import math
import os
import sys
import threading
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from toloka_frames._errors import ConfigurationError, TolokaError
from toloka_frames._version import __version__

# what a command needs is imported by that command, so that help and wrong arguments are shown at once
if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._client.doctor_report import DoctorReport
    from toloka_frames._transport.connections import Environment

MAX_PORT = 65_535
ENVIRONMENT_NAMES: tuple[Environment, ...] = ("SANDBOX", "PRODUCTION")
CHECK_SECONDS = 20.0  # as in `tf.doctor`
NOT_SET = (
    "TOLOKA_TOKEN is not set. Put the token there, in a shell by: read -rs TOLOKA_TOKEN && export TOLOKA_TOKEN. "
    "Command lines are visible to other users of a machine, so the token is not an argument."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `toloka-frames` and return its exit status."""
    options = _make_parser().parse_args(arguments)
    try:
        if options.command == "doctor":
            return 0 if doctor(options.environment, options.url, options.timeout) else 1
        if options.command == "demo":
            from toloka_frames._demo import demo  # noqa: PLC0415

            demo(options.data, options.out)
        else:
            serve(options.db, options.port, options.speed if options.answer else None)
    except (TolokaError, ImportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toloka-frames", description="Toloka's lists as DataFrames, and back.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    doctor_options = commands.add_parser(
        "doctor",
        help="check an account, the service and this machine; sends only GET requests",
        description="Check the account of TOLOKA_TOKEN, the service and this machine, and print a report for an issue, without "
        "the token and without values of rows. Only GET requests are sent.",
    )
    host_options = doctor_options.add_mutually_exclusive_group()
    host_options.add_argument(
        "--environment",
        choices=ENVIRONMENT_NAMES,
        help="the service; by default TOLOKA_ENVIRONMENT or TOLOKA_URL, or PRODUCTION",
    )
    host_options.add_argument("--url", help="another host")
    doctor_options.add_argument("--timeout", type=_positive, default=CHECK_SECONDS, help="seconds for each check (%(default)g)")
    demo_options = commands.add_parser("demo", help="show a pull and an upload on a local service; needs no account")
    demo_options.add_argument("--data", type=Path, help="your own TSV, CSV or Parquet file of tasks, or a pool-result export")
    demo_options.add_argument(
        "--out", type=Path, default=Path("answers.parquet"), help="the file to write the answers to (%(default)s)"
    )
    serve_options = commands.add_parser(
        "serve",
        help="run only the local service",
        description="Run the local service. Simulated Tolokers work on a pool where --answer, or a request, lets them: "
        'POST /local/answer with the token and a JSON object such as {"pool_id": "1", "workers": 20, "accuracy": 0.9, '
        '"seed": 0, "dropouts": 0, "live": false, "speed": 1}. Only pool_id is required.',
    )
    serve_options.add_argument("--db", type=Path, help="a file that keeps the service's state")
    serve_options.add_argument("--port", type=_port, default=8080, help="the port on 127.0.0.1 (%(default)s)")
    serve_options.add_argument("--answer", action="store_true", help="let simulated Tolokers work on every open pool")
    serve_options.add_argument(
        "--speed", type=_positive, default=1.0, help="with --answer, how many times as fast as people they work (%(default)g)"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: it must be a number from 0 to {MAX_PORT}")
    return int(text)


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def doctor(environment: Environment | None, url: str | None, timeout: float) -> bool:
    """Check the account of TOLOKA_TOKEN and print the report; return whether no check failed.

    Args:
        environment: As in `TolokaClient`.
        url: As in `TolokaClient`.
        timeout: Seconds for each check.
    """
    result = _examine(environment, url, timeout)
    if isinstance(sys.stdout, TextIOWrapper):  # a Windows console does not have every character
        sys.stdout.reconfigure(errors="replace")
    print(result)
    return result.is_well


def _examine(environment: Environment | None, url: str | None, timeout: float) -> DoctorReport:
    from toloka_frames._client.client import TolokaClient  # noqa: PLC0415
    from toloka_frames._client.doctor import doctor as check_account  # noqa: PLC0415
    from toloka_frames._client.doctor_report import Finding, Level, failure, report  # noqa: PLC0415
    from toloka_frames._client.machine import check_machine  # noqa: PLC0415

    if not os.environ.get("TOLOKA_TOKEN"):
        return report(this_machine=check_machine(), service=[Finding("token", NOT_SET, Level.FAIL)])
    try:
        with TolokaClient(environment=environment, url=url) as client:
            return check_account(client, timeout=timeout)
    except ConfigurationError as error:
        return report(this_machine=check_machine(), service=[failure("client", error)])


def serve(path: Path | None, port: int, live_speed: float | None = None) -> None:
    """Run the local service until Ctrl-C.

    Args:
        path: The SQLite file of its state; None uses a temporary file.
        port: The port on 127.0.0.1; 0 picks a free one.
        live_speed: As in `LocalToloka`.
    """
    from toloka_frames.local import LocalToloka  # noqa: PLC0415 -- needs the extra `local`

    with LocalToloka(path, port=port, live_speed=live_speed) as toloka:
        print(f"Toloka's API is served at {toloka.url}, its state is in {path or 'a temporary file'}. Ctrl-C stops it.")
        print(f"tf.TolokaClient({toloka.token!r}, url={toloka.url!r})")
        print(f"or in the shell: export TOLOKA_TOKEN={toloka.token} TOLOKA_URL={toloka.url}", flush=True)
        if live_speed is not None:
            print(f"Simulated Tolokers work on every open pool, {live_speed:g} times as fast as people.", flush=True)
        threading.Event().wait()
