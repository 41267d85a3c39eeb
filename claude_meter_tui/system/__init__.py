"""The machine beneath: clocks, paths, crash reports. Knows nothing of windows."""
