"""How much memory a program that is left open keeps: what the C library is told. It must not know the screen."""

from __future__ import annotations

# malloc.h of glibc: M_ARENA_MAX, M_TRIM_THRESHOLD.
_ARENA_MAX, _TRIM_THRESHOLD = -8, -1
_TRIM_FROM = 128 * 1024


def keep_little() -> None:
    """Let all threads to come allocate from the same regions, and give back what is free at their end.

    glibc gives each thread a region of its own, eight for each core, and lets the size from which it gives memory back
    grow: here 6 MB of 77 that nothing is kept in. Other C libraries have no such setting; nothing is done there.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_ARENA_MAX, 1)
    mallopt(_TRIM_THRESHOLD, _TRIM_FROM)
