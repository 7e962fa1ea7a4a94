"""What the live table costs: python benchmarks/live_table.py [WORKLOAD ...]

latency: seconds from a node's acknowledgement until the page shows it: a real fleet, an edge
program in another process, JupyterLab in Chromium; of 60 acknowledgements
idle: share of a core that a kernel takes for a table of 10,000 nodes of which none changes
busy: the same while 500 nodes change each second, with the bytes a second that the page gets over
its web socket, and the frames a second while it scrolls through all rows
open: seconds from running the cell to rows on the page
size: bytes of a notebook that shows 10,000 rows, saved with the state of the widget

The kernel's share is user and system time of its process, by psutil, over the time of the wall. In
`costs`, which is idle and busy, the changes come from a source in the kernel, whose own share is
measured without a table and reported beside (`source`). One line of JSON a figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import BrowserContext

from tests.browser.jupyter_driver import JupyterLab, NotebookPage, open_browser
from tests.browser.tables import rows, summary, the_table

NODES, RATE, SECONDS = 10_000, 500, 20.0
SOURCE = f"""
import threading, time
from datetime import UTC, datetime
import syncnb.widgets

class Source:
    title, columns = "model/defects 1.2.0", ("node", "version", "status", "since", "message")
    def __init__(self):
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.kept = [dict(node=f"camera/node{{n}}", version="1.2.0", status="sent", since=now, message="")
                     for n in range({NODES})]
        self.changed, self.at = threading.Event(), 0
    def rows(self):
        return tuple(self.kept)
    def wait_for_change(self, timeout):
        found = self.changed.wait(timeout)
        self.changed.clear()
        return found
    def done(self):
        return False
    def change(self, rate):
        while True:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            for n in range(self.at, self.at + rate // 20):
                old = self.kept[n % {NODES}]
                status = dict(sent="delivered", delivered="consumed", consumed="sent")[old["status"]]
                self.kept[n % {NODES}] = {{**old, "status": status, "since": now}}
            self.at += rate // 20
            self.changed.set()
            time.sleep(0.05)
source = Source()
"""
SHOW = "syncnb.widgets.show(source)"
CHANGE = f"threading.Thread(target=source.change, args=({RATE},), daemon=True).start()"
FLEET = """
import os, subprocess, sys, syncnb
fleet = syncnb.LocalFleet(nodes=4)
environment = {**os.environ, **fleet.environment("node1")}
"""
PUBLISH = 'syncnb.publish(b"1", "bench", "a", dest_type="edge", client=fleet.cloud)'
EDGE = """
import sys, time, syncnb
client = syncnb.connect()
for update in syncnb.updates("bench", client=client, timeout=60):
    with update:
        update.load()
    print(time.time(), flush=True)
"""
SCROLL = """async (node) => {
    let frames = 0;
    const began = performance.now();
    const time = 8000;
    while (performance.now() - began < time) {
        const part = ((performance.now() - began) % 4000) / 4000;
        node.scrollTop = part * (node.scrollHeight - node.clientHeight);
        await new Promise(requestAnimationFrame);
        frames += 1;
    }
    return 1000 * frames / (performance.now() - began);
}"""
CDP = dict[str, Any]


def say(workload: str, **figures: object) -> None:
    print(json.dumps({"workload": workload, **figures}), flush=True)


class Bench:
    """A JupyterLab and a browser."""

    def __init__(self, lab: JupyterLab, context: BrowserContext) -> None:
        self.lab, self.context = lab, context

    def notebook(self, name: str, *cells: str) -> NotebookPage:
        self.lab.write(f"{name}.ipynb", cells)
        return NotebookPage(self.context, self.lab.page_url(f"{name}.ipynb"))


def kernel_of(notebook: NotebookPage, cell: int) -> psutil.Process:
    notebook.run(cell)
    said = notebook.cell(cell).locator(".jp-OutputArea-output").inner_text()
    return psutil.Process(int(said))


def share(process: psutil.Process, seconds: float) -> float:
    """Of a core, in percent."""
    before, began = process.cpu_times(), time.perf_counter()
    time.sleep(seconds)
    now = process.cpu_times()
    used = now.user + now.system - before.user - before.system
    return round(100 * used / (time.perf_counter() - began), 1)


def latency(bench: Bench) -> None:
    """The page notes when a row says that it is consumed; the edge program when it acknowledged."""
    spawn = f"edge = subprocess.Popen([sys.executable, '-c', {EDGE!r}], env=environment, stdout=subprocess.PIPE, text=True)"
    notebook = bench.notebook(
        "latency", FLEET, spawn, f"publication = {PUBLISH}\npublication",
        "print(edge.stdout.readline())", "edge.kill(); fleet.close()",
    )  # fmt: skip
    notebook.run(0)
    notebook.run(1)
    taken = []
    publish = f"publication = {PUBLISH}".replace('b"1"', "str(time.time()).encode()")
    for number in range(60):
        notebook.page.evaluate(
            """(source) => {
                const cell = window.jupyterapp.shell.currentWidget.content.widgets[2];
                cell.model.sharedModel.setSource(source);
                window.shown = new Promise((done) => {
                    const look = () => {
                        const row = document.querySelector("tr[data-key='edge/node1'] .status .chip");
                        if (row?.textContent === "consumed" && window.fresh) done(Date.now() / 1000);
                        else {
                            if (row && row.textContent !== "consumed") window.fresh = true;
                            requestAnimationFrame(look);
                        }
                    };
                    window.fresh = false;
                    document.querySelectorAll("tr[data-key]").forEach((row) => row.remove());
                    look();
                });
            }""",
            f"import time\n{publish}\npublication",
        )
        notebook.run(2)
        shown = notebook.page.evaluate(
            "() => Promise.race([window.shown, new Promise(r => setTimeout(r, 20000, 0))])"
        )
        notebook.run(3)
        acknowledged = float(notebook.cell(3).locator(".jp-OutputArea-output").inner_text())
        if shown:
            taken.append(shown - acknowledged)
        time.sleep(0.2 + 0.05 * (number % 7))
    taken.sort()
    say("latency", n=len(taken), median=round(statistics.median(taken), 3),
        p95=round(taken[int(0.95 * len(taken))], 3), worst=round(taken[-1], 3),
        good=statistics.median(taken) <= 1.0)  # fmt: skip
    notebook.run(4)
    notebook.close()


class Socket:
    """Bytes that a page gets over its web sockets."""

    def __init__(self, context: BrowserContext, notebook: NotebookPage) -> None:
        self.bytes = 0
        session = context.new_cdp_session(notebook.page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", self._note)

    def _note(self, event: CDP) -> None:
        self.bytes += len(event["response"]["payloadData"])


def opened(bench: Bench) -> None:
    taken = []
    for number in range(5):
        notebook = bench.notebook(f"open{number}", SOURCE, SHOW)
        notebook.run(0)
        began = time.perf_counter()
        notebook.run(1)
        rows(notebook, 1).first.wait_for()
        taken.append(time.perf_counter() - began)
        notebook.close()
    say("open", median=round(statistics.median(taken), 2), all=[round(t, 2) for t in taken],
        good=statistics.median(taken) < 1.0)  # fmt: skip


def costs(bench: Bench) -> None:
    notebook = bench.notebook("costs", SOURCE, "import os; print(os.getpid())", SHOW, CHANGE)
    notebook.run(0)
    kernel = kernel_of(notebook, 1)
    notebook.run(2)
    rows(notebook, 2).first.wait_for()
    time.sleep(5)
    found = share(kernel, SECONDS)
    say("idle", cpu_percent=found, good=found < 5)
    socket = Socket(bench.context, notebook)
    notebook.run(3)
    time.sleep(3)
    before, began = socket.bytes, time.perf_counter()
    found = share(kernel, SECONDS)
    notebook.page.evaluate("() => 0")  # so that the events of before have come
    rate = (socket.bytes - before) / 1000 / (time.perf_counter() - began)
    bare = share_of_source(bench)
    say("busy", cpu_percent=found, source=bare, kb_a_second=round(rate, 1),
        good=found < 30 and rate < 100)  # fmt: skip
    frames = the_table(notebook, 2).locator(".scroll").evaluate(SCROLL)
    say("busy", frames_a_second=round(frames, 1), said=summary(notebook, 2).inner_text(),
        good=frames > 30)  # fmt: skip
    notebook.close()


def share_of_source(bench: Bench) -> float:
    """What the changes themselves cost in the kernel, without a table."""
    notebook = bench.notebook("source", SOURCE, "import os; print(os.getpid())", CHANGE)
    notebook.run(0)
    kernel = kernel_of(notebook, 1)
    notebook.run(2)
    found = share(kernel, 10.0)
    notebook.close()
    return found


def size(bench: Bench) -> None:
    notebook = bench.notebook("size", SOURCE, SHOW)
    notebook.run(0)
    notebook.run(1)
    rows(notebook, 1).first.wait_for()
    notebook.save()
    path = bench.lab.notebooks / "size.ipynb"
    bare = path.stat().st_size
    notebook.command("@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    notebook.save()
    found = path.stat().st_size
    say("size", kb=round(bare / 1000), kb_with_state=round(found / 1000), good=found < 1_000_000)
    notebook.close()


WORKLOADS: Mapping[str, Callable[[Bench], None]] = {
    "latency": latency, "costs": costs, "open": opened, "size": size,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; by default all")
    wanted = parser.parse_args().workloads or list(WORKLOADS)
    with (
        tempfile.TemporaryDirectory() as folder,
        JupyterLab(Path(folder)) as lab,
        open_browser() as browser,
        browser.new_context() as context,
    ):
        for name in wanted:
            WORKLOADS[name](Bench(lab, context))


if __name__ == "__main__":
    main()
