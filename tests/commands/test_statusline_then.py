"""`statusline` never holds Claude Code up: whatever its input or the other command do, and no child is left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import run_script
from panes import SCRIPT

# A second by itself, and what a busy machine takes to start Python.
_SECONDS = 4.0


def piped(*arguments: str, given: str = "{}") -> tuple[str, float]:
    begun = time.monotonic()
    done = run_script("statusline", "--no-color", *arguments, input=given)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    return done.stdout, time.monotonic() - begun


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = f"sh -c 'echo $$ >> {pids}; sleep 300 & echo $! >> {pids}; wait'; sleep 300"
    out, seconds = piped("--then", command)
    assert "limits:" in out and seconds < _SECONDS
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            for _ in range(50):
                os.kill(int(pid), 0)
                time.sleep(0.02)
                if "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]:
                    raise ProcessLookupError  # ended, and not reaped by whoever it was left to


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("printf one", "one\n"),
        ("printf 'one\\ntwo\\n'", "one\ntwo\n"),
        ("cat", "{}\n"),
        ("exit 3", ""),
        ("no-such-command-anywhere", ""),
    ],
)
def test_what_it_prints_stands_on_lines_of_its_own(command: str, said: str) -> None:
    out, _ = piped("--then", f"{command} 2>/dev/null")
    assert out.startswith(said) and out[len(said) :].startswith("limits:")


def test_a_flood_is_bounded_and_a_command_that_reads_nothing_is_no_trouble() -> None:
    out, seconds = piped("--then", "yes", given="x" * 300_000)
    assert len(out) < 200_000 and out.splitlines()[-1].startswith("limits:") and seconds < _SECONDS


def test_a_pipe_nobody_closes_and_one_that_says_nothing() -> None:
    for given in (b'{"session_id": "s"}', b"", b'{"half": '):
        begun = time.monotonic()
        process = subprocess.Popen([SCRIPT, "statusline"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(given)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"limits:")
        assert process.wait(10) == 0 and time.monotonic() - begun < _SECONDS
        process.stdin.close()
        process.stdout.close()


def test_an_interrupt_is_no_traceback() -> None:
    process = subprocess.Popen(
        [SCRIPT, "statusline", "--then", "sleep 30"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert b"Traceback" not in err
