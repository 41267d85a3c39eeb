"""What Claude Code's own files say. Read, never written, but for its settings where that is asked for."""
