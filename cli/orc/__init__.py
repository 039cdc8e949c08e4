"""The `orc` command."""
