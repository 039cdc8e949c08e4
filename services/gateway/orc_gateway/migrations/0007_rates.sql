-- Who has asked how much of late, for all replicas together (`orc_gateway/rates.py`). Lost in a crash of Postgres, which
-- fills every bucket; a row whose bucket is full says nothing and is removed.
CREATE UNLOGGED TABLE read.rates (
    name    text             NOT NULL PRIMARY KEY,
    -- When the bucket is full again, in seconds since 1970: the one number that says how much is in it at any time.
    full_at double precision NOT NULL,
    -- What the statement that wrote the row was given, so that it can be told.
    granted integer          NOT NULL CHECK (granted >= 0)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON read.rates TO orc_gateway;
GRANT SELECT ON read.rates TO orc_auditor;
