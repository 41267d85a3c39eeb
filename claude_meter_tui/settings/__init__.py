"""What a person has set: flags, environment and TOML → one Settings."""
