"""The loader `postgres`: a table of a Postgres database."""
