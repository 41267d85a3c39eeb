"""claude.ai asked with the session of a browser on this machine: profiles → cookies → session."""
