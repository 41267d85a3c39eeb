"""claude-meter-tui: which Claude rate-limit window stops you next, and when it clears."""

__version__ = "0.1.0"
