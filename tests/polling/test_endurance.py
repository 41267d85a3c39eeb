"""Some simulated hours of `benchmarks/endurance.py`, which runs for weeks on demand."""

from __future__ import annotations

import endurance


def test_hours_of_faults_kills_locks_and_clock_steps_send_nothing_too_much_and_lose_nothing() -> None:
    run = endurance.endure(days=0.35, speed=1000.0, seed=5)
    assert run.requests >= 8 and run.faults >= 1
    assert run.inside == 0 and run.lost == 0 and run.doubled == 0
    assert run.most_in_24_h <= 100
