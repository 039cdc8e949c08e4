-- Rows that differ between a live table and its replay, whichever has them; braces are filled in by `replay.py`.
SELECT count(*) OVER () AS differing, to_jsonb(live) AS live, to_jsonb(replayed) AS replayed
FROM (SELECT {columns} FROM read.{table} WHERE {condition}) AS live
FULL JOIN (SELECT {columns} FROM {table} WHERE {condition}) AS replayed USING ({key})
WHERE live IS DISTINCT FROM replayed
LIMIT $1
