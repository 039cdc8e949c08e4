"""The loader `parquet`: a folder of Parquet files."""
