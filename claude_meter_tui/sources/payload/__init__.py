"""A usage body → a Reading. Knows not where the body came from."""
