"""The dashboard left open in tmux with eight windows counting down, beside an empty Textual app.

Bounds: 0.3 % of a core, 66 MB. The last figure is what is written to the terminal. `soon` is the worst case: one window
in its last ten minutes counts every second.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from common import EMPTY_APP, PYTHON, SCRIPT, Pane, cpu_seconds, eight_windows, memory_mb, scratch_env

from claude_meter_tui.demo.server import DemoServer


def main(seconds: int = 120) -> None:
    with tempfile.TemporaryDirectory() as folder, DemoServer() as far, DemoServer() as soon:
        far.replies["/api/oauth/usage"] = eight_windows(timedelta(hours=2, minutes=31))
        soon.replies["/api/oauth/usage"] = eight_windows(timedelta(minutes=9))
        env = scratch_env(Path(folder) / "far", far.url)
        panes = {
            "empty Textual app": Pane("empty", [PYTHON, "-c", EMPTY_APP], env),
            "dashboard": Pane("far", [SCRIPT], env),
            "dashboard, soon": Pane("soon", [SCRIPT], scratch_env(Path(folder) / "soon", soon.url)),
        }
        try:
            for name, pane in panes.items():
                pane.wait_for("READY" if name.startswith("empty") else "just now")
            time.sleep(15)  # what the first answer sets off is over: it is not what leaving it open costs
            shows = {name: pane.record(Path(folder) / f"{name}.out") for name, pane in panes.items()}
            before = {name: cpu_seconds(pane.pid()) for name, pane in panes.items()}
            time.sleep(seconds)
            for name, pane in panes.items():
                share = (cpu_seconds(pane.pid()) - before[name]) / seconds * 100
                memory, written = memory_mb(pane.pid()), shows[name].stat().st_size / seconds * 60
                print(f"{name:18} {share:5.2f} % of a core   {memory:5.1f} MB   {written:7.0f} bytes a minute")
        finally:
            for pane in panes.values():
                pane.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
