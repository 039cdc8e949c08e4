-- Accounts and signing keys: only orc_auth may see them, the auditor neither.
CREATE SCHEMA auth;

CREATE TABLE auth.accounts (
    user_id       uuid        NOT NULL PRIMARY KEY,
    -- As the person wrote it, trimmed and normalised.
    username      text        COLLATE "C" NOT NULL CHECK (char_length(username) BETWEEN 1 AND 64),
    -- The same without regard to case: two names that read alike are one.
    username_key  text        COLLATE "C" NOT NULL UNIQUE,
    password_hash text        COLLATE "C" NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    role          text        COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE auth.keys (
    -- RFC 7638 thumbprint of the public key.
    kid         text        COLLATE "C" NOT NULL PRIMARY KEY,
    -- Raw Ed25519 keys (RFC 8032). The private one rests here in clear: whoever reads this table can sign as anybody.
    private_key bytea       NOT NULL CHECK (octet_length(private_key) = 32),
    public_key  bytea       NOT NULL CHECK (octet_length(public_key) = 32),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- From then on it signs nothing new; what it signed is honoured until it expires.
    retired_at  timestamptz
);

GRANT USAGE ON SCHEMA auth TO orc_auth;
GRANT SELECT, INSERT, UPDATE (password_hash, updated_at) ON auth.accounts TO orc_auth;
GRANT SELECT, INSERT, UPDATE (retired_at) ON auth.keys TO orc_auth;

INSERT INTO log.rights (role, type) VALUES ('orc_auth', 'user.registered');
