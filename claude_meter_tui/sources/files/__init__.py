"""Readings that stand in files: our own CSV and backups, and what other programs wrote."""
