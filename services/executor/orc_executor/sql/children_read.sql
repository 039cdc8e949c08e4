-- The tables that hold nested rows of a table, each with the table of its parent rows.
SELECT child_name, parent_name FROM target._orc.children WHERE translate(table_name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = $1
