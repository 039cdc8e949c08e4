-- Remember files that are loaded.
INSERT INTO target._orc.files SELECT $1, unnest($2), unnest($3), $4, now()
