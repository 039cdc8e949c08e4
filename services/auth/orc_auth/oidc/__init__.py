"""Logging in by an OpenID Connect provider: authorization code with PKCE, and groups that give roles."""
