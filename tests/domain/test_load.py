"""What a loader config may say."""

import pytest

from orc_domain.load import parse_loader
from orc_domain.loaders.discard import DiscardLoad
from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_domain.rejection import Invalid

KEYS = "the keys type, " + ", ".join(DuckdbLoad.__struct_fields__)


def duckdb(**more):
    return {"type": "duckdb", "db_path": "a.duckdb", "table_name": "t", **more}


def scd2(**more):
    return duckdb(write_disposition="scd2", primary_key=["a"], scd2=more)


@pytest.mark.parametrize(
    ("config", "typed"),
    [
        ({"type": "discard"}, DiscardLoad()),
        (duckdb(), DuckdbLoad("a.duckdb", "t")),
        (duckdb(db_path=MEMORY), DuckdbLoad(MEMORY, "t")),
        (
            duckdb(table_name='my "odd" table', write_disposition="append", load_id_column="load"),
            DuckdbLoad("a.duckdb", 'my "odd" table', "append", "load"),
        ),
    ],
)
def test_a_config_is_typed(config, typed):
    """Each type of config becomes a struct of its own, with its defaults."""
    assert parse_loader(config) == typed


@pytest.mark.parametrize(
    ("config", "place", "valid"),
    [
        ({"type": "mysql"}, ".type", "discard, duckdb, parquet, postgres"),
        ({"type": "duckdb"}, ".db_path", KEYS),
        (duckdb(mode="x"), ".mode", KEYS),
        (duckdb(write_disposition="upsert"), ".write_disposition", KEYS),
        (duckdb(table_name=""), ".table_name", KEYS),
        (duckdb(table_name=" t"), ".table_name", "a plain table name"),
        (duckdb(table_name="a\0b"), ".table_name", "a plain table name"),
        (duckdb(load_id_column="a\ud800"), ".load_id_column", "a plain table name"),
        (duckdb(db_path="folder/"), ".db_path", "the path of a file"),
        (duckdb(db_path="folder/."), ".db_path", "the path of a file"),
        (duckdb(write_disposition="merge"), ".primary_key", "names of the key's columns"),
        (duckdb(write_disposition="scd2", primary_key=[]), ".primary_key", KEYS),
        (duckdb(primary_key=["a", "A"]), ".primary_key", "each column once"),
        (duckdb(merge={"strategy": "delete-insert"}), ".merge", "write_disposition merge"),
        (duckdb(scd2={"absent": "keep"}), ".scd2", "write_disposition scd2"),
        (scd2(valid_to_column="VALID_FROM"), ".scd2.valid_to_column", "another name"),
        (
            duckdb(write_disposition="merge", primary_key=["a"], merge={"delete_column": "A"}),
            ".merge.delete_column",
            "a column of its own",
        ),
        (
            duckdb(load_id_column="a", write_disposition="merge", primary_key=["A"]),
            ".load_id_column",
            "a column of its own",
        ),
        (
            duckdb(load_id_column="valid_from", write_disposition="scd2", primary_key=["a"]),
            ".scd2.valid_from_column",
            "a column of its own",
        ),
        (scd2(valid_to_column="a "), ".scd2.valid_to_column", "a plain table name"),
        (
            duckdb(write_disposition="insert-only", primary_key=["a"], nested="child_tables"),
            ".nested",
            "json or flatten, or write_disposition replace, append or merge",
        ),
        (duckdb(schema_contract={"rows": "freeze"}), ".schema_contract.rows", KEYS),
    ],
)
def test_what_is_wrong_is_named(config, place, valid):
    """A refusal points at the key and says what would be valid there."""
    with pytest.raises(Invalid) as refusal:
        parse_loader(config)
    assert (refusal.value.field, refusal.value.valid) == (f"loader_config{place}", valid)


@pytest.mark.parametrize("path", ["../a.duckdb", "a/../../b", "md:mine", "s3://b/a.duckdb", "C:\\a", "a\0"])
def test_a_path_out_of_the_data_folder_is_refused(path):
    """What can only lead out of the data folder is refused by its text."""
    with pytest.raises(Invalid) as refusal:
        parse_loader(duckdb(db_path=path))
    assert refusal.value.field == "loader_config.db_path"
