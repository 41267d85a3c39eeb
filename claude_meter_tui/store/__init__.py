"""What is kept between runs, in one SQLite file. Knows no source, no screen and no network."""
