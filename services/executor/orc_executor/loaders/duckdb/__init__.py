"""The loader `duckdb`: tables of a DuckDB file."""
