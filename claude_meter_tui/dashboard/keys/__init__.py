"""What the keys of the dashboard do."""
