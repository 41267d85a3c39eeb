"""One file a way in. A source yields readings and typed errors; it knows no store, no screen and no other source."""
