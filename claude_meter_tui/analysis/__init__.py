"""Turns × windows: which turn counts where, and what stands beside a window. Knows no screen and asks nobody."""
