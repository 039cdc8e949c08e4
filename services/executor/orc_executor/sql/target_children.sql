-- Which tables hold the nested rows of a table, so that a later load finds them even when it brings none.
CREATE TABLE IF NOT EXISTS target._orc.children (
    table_name VARCHAR NOT NULL,
    child_name VARCHAR NOT NULL,
    parent_name VARCHAR NOT NULL
)
