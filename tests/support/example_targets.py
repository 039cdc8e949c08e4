"""What loads of examples left behind, however their loader keeps it: each row's value, the columns' names, and more."""

import json

import duckdb


def look_into(loader, data_dir, warehouse):
    """Return the target of a loader's config."""
    match loader["type"]:
        case "duckdb":
            return DuckdbTarget(data_dir / loader["db_path"], loader)
        case "parquet":
            return ParquetTarget(data_dir / loader["path"])
        case "postgres":
            return PostgresTarget(warehouse, loader)
    raise AssertionError(f"how to look into the target of a loader {loader['type']} is not known here")


class DuckdbTarget:
    """A table of a file."""

    def __init__(self, path, loader):
        self._path, self._name = path, loader["table_name"]

    def query(self, sql):
        with duckdb.connect(str(self._path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def values(self, column="value"):
        return [value for (value,) in self.query(f"SELECT {column} FROM {self._name}")]

    def columns(self):
        return dict(self.query(f"SELECT column_name, column_type FROM (DESCRIBE {self._name})"))

    def storage_version(self):
        ((tags,),) = self.query("SELECT tags FROM duckdb_databases() WHERE NOT internal")
        return tags["storage_version"]


class ParquetTarget:
    """A folder of files, as its manifest names them."""

    def __init__(self, folder):
        self._folder = folder

    def files(self):
        manifest = json.loads((self._folder / "_orc" / "manifest.json").read_text())
        return [str(self._folder / file["path"]) for file in manifest["files"]]

    def _query(self, sql):
        return duckdb.execute(f"{sql}", [self.files()]).fetchall()

    def values(self, column="value"):
        return [
            value
            for (value,) in self._query(f"SELECT {column} FROM read_parquet($1, hive_partitioning = true)")
        ]

    def columns(self):
        found = self._query("SELECT * FROM (DESCRIBE FROM read_parquet($1, hive_partitioning = true))")
        return {name: type_ for name, type_, *_ in found}

    def compressions(self):
        return {
            value for (value,) in self._query("SELECT DISTINCT lower(compression) FROM parquet_metadata($1)")
        }


class PostgresTarget:
    """A table of a database."""

    def __init__(self, warehouse, loader):
        self._warehouse, self._name = warehouse, loader["table_name"]
        self._schema = loader.get("schema_name", "public")

    def values(self, column="value"):
        return [
            value for (value,) in self._warehouse.run(f'SELECT {column} FROM {self._schema}."{self._name}"')
        ]

    def columns(self):
        return dict(
            self._warehouse.run(
                "SELECT column_name::text, data_type::text FROM information_schema.columns "
                "WHERE (table_schema, table_name) = ($1, $2)",
                self._schema, self._name,
            )
        )  # fmt: skip
