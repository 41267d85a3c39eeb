"""One file a part of a screen: each draws text from the View, and decides nothing."""
