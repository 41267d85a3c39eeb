"""Start to first paint with a stored reading, beside an empty Textual app. Bound: 1.3 ×."""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from common import EMPTY_APP, PYTHON, SCRIPT, eight_windows, median, scratch_env, seconds_to, with_stored_reading

from claude_meter_tui.demo.server import DemoServer


def main(rounds: int = 21) -> None:
    with tempfile.TemporaryDirectory() as folder, DemoServer() as server:
        server.replies["/api/oauth/usage"] = eight_windows(timedelta(hours=2))
        env = scratch_env(Path(folder), server.url)
        with_stored_reading(server, env)
        empty, ours = [], []
        for _ in range(rounds):
            empty.append(seconds_to(b"READY", [PYTHON, "-c", EMPTY_APP], env))
            ours.append(seconds_to("▄".encode(), [SCRIPT], env))
    print(f"empty Textual app  median {median(empty) * 1000:6.0f} ms   best {min(empty) * 1000:6.0f} ms")
    print(f"dashboard          median {median(ours) * 1000:6.0f} ms   best {min(ours) * 1000:6.0f} ms")
    print(f"ratio              median {median(ours) / median(empty):6.2f} ×    best {min(ours) / min(empty):6.2f} ×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
