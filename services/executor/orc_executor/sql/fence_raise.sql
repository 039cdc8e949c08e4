-- Hold back all earlier attempts of the run.
INSERT INTO target._orc.fences VALUES ($1, $2, now())
