-- Remember a table that holds nested rows of another.
INSERT INTO target._orc.children VALUES ($1, $2, $3)
