"""A command line comes in; a demonstration is run, or the local service serves until it is stopped."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from toloka_frames._demo import demo
from toloka_frames._errors import TolokaError
from toloka_frames._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


LAST_PORT = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `toloka-frames`; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            demo(options.data, options.out)
        else:
            serve(options.db, options.port)
    except (TolokaError, ImportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(path: Path | None, port: int) -> None:
    """Run the local service until Ctrl-C."""
    from toloka_frames.local import LocalToloka  # noqa: PLC0415 -- an extra, needed only here and by the demonstration

    with LocalToloka(path, port=port) as toloka:
        print(f"Toloka's API at {toloka.url}, state in {path or 'a temporary file'}; Ctrl-C stops it.")
        print(f"tf.AsyncTolokaClient({toloka.token!r}, url={toloka.url!r})")
        print(f"or in the shell: export TOLOKA_TOKEN={toloka.token} TOLOKA_URL={toloka.url}", flush=True)
        threading.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toloka-frames", description="Toloka's lists as DataFrames, and back.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("demo", help="show both ways against a service of your own; needs no account")
    shown.add_argument("--data", type=Path, help="your own TSV, CSV or Parquet file of tasks, or a pool-result export")
    shown.add_argument("--out", type=Path, default=Path("answers.parquet"), help="where the answers go (%(default)s)")
    served = commands.add_parser("serve", help="run the local service alone")
    served.add_argument("--db", type=Path, help="a file that keeps its state")
    served.add_argument("--port", type=_port, default=8080, help="the port on 127.0.0.1 (%(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to {LAST_PORT} is needed")
    return int(text)
