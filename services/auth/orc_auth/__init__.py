"""Accounts, passwords, tokens: who is who."""
