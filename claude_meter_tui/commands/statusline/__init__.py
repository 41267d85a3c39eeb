"""`statusline`: for Claude Code's `statusLine`, its installation, and the other command it can go around."""
