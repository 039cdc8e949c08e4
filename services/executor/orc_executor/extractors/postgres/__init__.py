"""The extractor `sql`: rows of a Postgres database."""
