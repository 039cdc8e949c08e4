-- Secrets of jobs, sealed: auth writes them, the executor reads them, and neither finds a value here.
CREATE SCHEMA vault;

CREATE TABLE vault.secrets (
    name           text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    -- Of the value: one more whenever it is another, also after it was deleted, so that no old one can come back.
    version        int8        NOT NULL CHECK (version > 0),
    -- The value under a key of its own, and that key under a master key; none of them once it is deleted.
    sealed         bytea       CHECK (octet_length(sealed) BETWEEN 30 AND 65565),
    wrapped_key    bytea       CHECK (octet_length(wrapped_key) = 61),
    master_key_id  text        COLLATE "C" CHECK (master_key_id ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    -- Says whether two versions are the same value; keyed, so that nobody can try values by it.
    fingerprint    text        COLLATE "C",
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by     text        COLLATE "C" NOT NULL,
    -- Of the secret's stream in the log.
    stream_version int8        NOT NULL CHECK (stream_version >= version),
    CHECK (
        (sealed IS NULL) = (wrapped_key IS NULL)
        AND (sealed IS NULL) = (master_key_id IS NULL)
        AND (sealed IS NULL) = (fingerprint IS NULL)
    )
);

GRANT USAGE ON SCHEMA vault TO orc_auth, orc_executor;
GRANT SELECT, INSERT, UPDATE ON vault.secrets TO orc_auth;
GRANT SELECT (name, version, sealed, wrapped_key, master_key_id) ON vault.secrets TO orc_executor;

-- A signing key rests sealed where there is a master key: longer than its 32 bytes.
ALTER TABLE auth.keys DROP CONSTRAINT keys_private_key_check;
ALTER TABLE auth.keys ADD CONSTRAINT keys_private_key_check CHECK (octet_length(private_key) BETWEEN 32 AND 512);
GRANT UPDATE (private_key) ON auth.keys TO orc_auth;
-- Which it may do for nothing else: what is sealed opens to that very key, or to none.
CREATE FUNCTION auth.only_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a signing key is never put in clear into another''s place' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER only_seal BEFORE UPDATE OF private_key ON auth.keys
    FOR EACH ROW WHEN (octet_length(NEW.private_key) = 32) EXECUTE FUNCTION auth.only_seal();

INSERT INTO log.rights (role, type)
SELECT 'orc_auth', type FROM unnest(ARRAY['secret.set', 'secret.deleted', 'secret.rewrapped']) type;
