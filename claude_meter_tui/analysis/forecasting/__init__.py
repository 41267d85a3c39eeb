"""When each window fills: the habit, moments like this one, paths ahead, and what the windows make of them."""
