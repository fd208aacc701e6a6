"""A JupyterLab of its own in a headless Chromium: open notebooks, run and stop their cells, read what they show."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from nbformat import NotebookNode
    from playwright.sync_api import Browser, Locator, Page

Theme: TypeAlias = Literal["Light", "Dark"]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",  # which a container, and root, cannot have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
# nothing is fetched from elsewhere, and no dialog asks whether it may be
SERVER_OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--port=0",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--ServerApp.terminals_enabled=False",
)
SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells outside of the window stay in the page
}
START_SECONDS = 60
LOAD_SECONDS = 60

# expressions of JavaScript
PANEL = "window.jupyterapp.shell.currentWidget"
KERNEL = f"{PANEL}?.sessionContext?.session?.kernel"
CELL = f"{PANEL}.content.widgets[index]"
# without the numbers of the cells
SHOWN = f"[...{CELL}.node.querySelectorAll('.jp-OutputArea-output')].map(output => output.innerText).join('\\n')"


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome, None without one."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


class JupyterLab:
    """A running JupyterLab and a browser.

    Attributes:
        folder: The folder of the notebooks.
    """

    def __init__(self, url: str, token: str, folder: Path, browser: Browser) -> None:
        self._url, self._token, self._browser = url, token, browser
        self.folder = folder

    @contextmanager
    def notebook(
        self, *cells: str, name: str = "notebook", width: int = 1200, height: int = 900, scale: float = 1
    ) -> Iterator[Notebook]:
        """Write a notebook of cells of code, open it, and shut its kernel down at the end."""
        (self.folder / f"{name}.ipynb").write_text(nbformat.writes(of_cells(*cells)), "utf-8")
        with self.opened(f"{name}.ipynb", width=width, height=height, scale=scale) as opened:
            yield opened

    @contextmanager
    def opened(self, path: str, *, width: int = 1200, height: int = 900, scale: float = 1) -> Iterator[Notebook]:
        """Open a notebook of the folder, and shut its kernel down at the end."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        try:
            opened = Notebook(context.new_page(), self.folder / path)
            opened.load(f"{self._url}lab/tree/{path}?reset&token={self._token}")
            yield opened
            opened.shut_down()
        finally:
            context.close()


class Notebook:
    """A notebook that is open in JupyterLab; its cells are counted from 0.

    Attributes:
        page: The page of the browser.
    """

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self._path = page, path
        page.set_default_timeout(LOAD_SECONDS * 1000)

    def load(self, url: str) -> None:
        """Load the page, and wait for the kernel."""
        self.page.goto(url)
        self.wait_for("window.jupyterapp !== undefined")
        self.page.evaluate("window.jupyterapp.restored.then(() => undefined)")
        self.wait_for(f"{PANEL}?.context?.isReady && {PANEL}.content.widgets.length > 0")
        self.wait_until_idle()

    def reload(self) -> None:
        """Load the page again, as a reader who comes back later."""
        self.load(self.page.url)

    def wait_for(self, expression: str, seconds: float = LOAD_SECONDS, **values: Any) -> None:
        """Wait until an expression of JavaScript is true; it can use the values."""
        self.page.wait_for_function(f"({{{', '.join(values)}}}) => {expression}", arg=values, timeout=seconds * 1000)

    def wait_until_idle(self) -> None:
        """Wait until the kernel runs and nothing is running in it."""
        self.wait_for(f"{KERNEL}?.status === 'idle' && {KERNEL}.connectionStatus === 'connected'")

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab to its end."""
        run = "([name, arguments]) => window.jupyterapp.commands.execute(name, arguments).then(() => undefined)"
        self.page.evaluate(run, [name, arguments])

    def start(self, cell: int) -> None:
        """Run a cell, and do not wait for its end."""
        self.page.evaluate(
            f"""index => {{
                {PANEL}.content.activeCellIndex = index;
                {PANEL}.content.deselectAll();
                window.cellEnded = false;
                const ended = () => {{ window.cellEnded = true; }};
                window.jupyterapp.commands.execute("notebook:run-cell").then(ended, ended);
            }}""",
            cell,
        )

    def wait(self, seconds: float = LOAD_SECONDS) -> None:
        """Wait until the cell that was started has ended."""
        self.wait_for("window.cellEnded", seconds)

    def run(self, cell: int, seconds: float = LOAD_SECONDS) -> str:
        """Run a cell to its end, and return the text that its output shows."""
        self.start(cell)
        self.wait(seconds)
        return self.text(cell)

    def run_all(self, seconds: float = LOAD_SECONDS) -> None:
        """Run all cells to their end, or to the first error."""
        self.page.evaluate(
            """() => {
                window.cellEnded = false;
                const ended = () => { window.cellEnded = true; };
                window.jupyterapp.commands.execute("notebook:run-all-cells").then(ended, ended);
            }"""
        )
        self.wait(seconds)

    def output(self, cell: int) -> Locator:
        """Return the output area of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-OutputArea").first

    def text(self, cell: int) -> str:
        """Return the text that a cell's output shows."""
        return str(self.page.evaluate(f"index => {SHOWN}", cell))

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """Return a cell's outputs, as they would be saved."""
        found: list[dict[str, Any]] = self.page.evaluate(f"index => {CELL}.model.outputs.toJSON()", cell)
        return found

    def press_stop(self) -> None:
        """Press the button that interrupts the kernel."""
        self.page.locator(".jp-NotebookPanel-toolbar [data-command='notebook:interrupt-kernel']").first.click()

    def save(self) -> NotebookNode:
        """Save the notebook, and read the file."""
        self.command("docmanager:save")
        return nbformat.read(self._path, as_version=4)

    def use_theme(self, theme: Theme) -> None:
        """Show JupyterLab in its light or dark theme."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        self.wait_for("document.body.dataset.jpThemeName === theme", theme=f"JupyterLab {theme}")
        self.wait_for("document.getElementById('jupyterlab-splash') === null")

    def picture(self, cell: int, path: Path) -> None:
        """Write a picture of a cell's output."""
        self.output(cell).screenshot(path=path)

    def shut_down(self) -> None:
        """Shut the kernel down."""
        self.page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")


@contextmanager
def running_jupyterlab(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[JupyterLab]:
    """Start JupyterLab with this interpreter as its kernel, and a browser.

    Args:
        home: An empty folder, which becomes the home of the server, of its kernels and of the browser.
        environment: Variables for the server and its kernels.
    """
    chromium = find_chromium()
    if chromium is None:
        raise FileNotFoundError(f"No Chromium was found: {', '.join(CHROMIUM_NAMES)}")
    folder = home / "notebooks"
    folder.mkdir()
    with _server(home, folder, environment or {}) as (url, token), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS, env={"HOME": str(home)})
        try:
            yield JupyterLab(url, token, folder, browser)
        finally:
            browser.close()


@contextmanager
def _server(home: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    token, runtime = secrets.token_hex(16), home / "jupyter" / "runtime"
    _write_settings(home / "jupyter" / "settings")
    variables = _without_the_users(os.environ) | {
        "HOME": str(home),
        "JUPYTER_TOKEN": token,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(home / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(home / "jupyter" / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "jupyter" / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "jupyter" / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "XDG_DATA_HOME": str(home / "data"),
    }
    command = [sys.executable, "-m", "jupyterlab", *SERVER_OPTIONS, f"--ServerApp.root_dir={folder}"]
    log = home / "jupyterlab.log"
    with (
        log.open("w") as written,
        subprocess.Popen(command, env=variables | environment, stdout=written, stderr=written, cwd=home) as server,
    ):
        try:
            yield _url_of(server, runtime, log), token
        finally:
            server.send_signal(signal.SIGTERM)  # it then shuts its kernels down


def _without_the_users(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those of the user's own Jupyter and Toloka."""
    return {name: value for name, value in variables.items() if not name.startswith(("JUPYTER", "TOLOKA_", "IPYTHON"))}


def _write_settings(folder: Path) -> None:
    for name, values in SETTINGS.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), "utf-8")


def _url_of(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Wait for the server, and return its URL."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                return str(json.loads(path.read_text("utf-8"))["url"])
            except ValueError:  # it is being written
                continue
        time.sleep(0.05)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text('utf-8')}")


def of_cells(*cells: str) -> NotebookNode:
    """Return a notebook of these cells of code; a cell that begins with # and a space and has one line is a heading."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=[_cell(text) for text in cells], metadata={"kernelspec": kernel})


def _cell(text: str) -> NotebookNode:
    is_heading = text.startswith("# ") and "\n" not in text
    return new_markdown_cell(text) if is_heading else new_code_cell(text.strip("\n"))


def errors(outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the errors among a cell's outputs."""
    return [f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"]
