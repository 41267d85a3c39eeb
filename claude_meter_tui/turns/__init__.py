"""Ways in → turns, and the sums of their tokens. Knows no window."""
