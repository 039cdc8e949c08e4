"""Where data goes: a file per loader."""
