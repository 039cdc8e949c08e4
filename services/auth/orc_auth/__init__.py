"""Auth: accounts, login and the keys that sign tokens."""
