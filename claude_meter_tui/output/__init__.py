"""Words and numbers for people, texts for scripts. Decides nothing."""
