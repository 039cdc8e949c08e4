"""Who is who: accounts, sessions, API keys and signing keys, each asked of the auth service."""
