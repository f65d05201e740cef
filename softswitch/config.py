"""softswitch.toml as frozen dataclasses."""
