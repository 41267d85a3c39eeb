"""Something happened that the user wants to be told of, and the ways to tell it."""
