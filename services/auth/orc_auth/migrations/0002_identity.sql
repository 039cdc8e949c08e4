-- Sessions, API keys, and accounts that change.

ALTER TABLE auth.accounts
    -- Of the account's stream in the log, which says what became of it.
    ADD version   int8 NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD is_active bool NOT NULL DEFAULT true;
CREATE INDEX accounts_listed ON auth.accounts (created_at, user_id);

ALTER TABLE auth.keys
    -- A key is told some seconds before it signs, so that everybody knows it when its first token comes.
    ADD signs_from timestamptz NOT NULL DEFAULT '-infinity',
    -- What it signed is void from then on, and it is told no more.
    ADD dropped_at timestamptz;

-- A session begins with a password and goes on by refresh tokens, all of one family: when one is used twice, all end.
CREATE TABLE auth.sessions (
    session_id uuid        NOT NULL PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES auth.accounts,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- However often it is refreshed.
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    ended_why  text        COLLATE "C" CHECK (ended_why IN ('logout', 'reuse', 'account', 'crowded')),
    CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
CREATE INDEX sessions_of_account ON auth.sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON auth.sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expired ON auth.sessions (expires_at);

CREATE TABLE auth.refresh_tokens (
    -- SHA-256 of the token, which is 256 random bits: nothing slower is needed.
    token_hash bytea       NOT NULL PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    session_id uuid        NOT NULL REFERENCES auth.sessions ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_of_session ON auth.refresh_tokens (session_id);

CREATE TABLE auth.api_keys (
    -- The public part of the key.
    key_id       text        COLLATE "C" NOT NULL PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES auth.accounts,
    name         text        COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    -- SHA-256 of its secret part, 256 random bits.
    secret_hash  bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    scopes       text[]      COLLATE "C" NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 64),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- To the minute or so.
    last_used_at timestamptz
);
CREATE INDEX api_keys_of_account ON auth.api_keys (user_id, created_at);

-- Failed logins, by account and by address, each as a hash: whoever fails often waits.
CREATE TABLE auth.failures (
    of_what       bytea       NOT NULL PRIMARY KEY CHECK (octet_length(of_what) = 32),
    failures      int4        NOT NULL CHECK (failures > 0),
    -- Failures before it are forgiven, one by one, as time passes.
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX failures_last ON auth.failures (last_at);

GRANT UPDATE (role, is_active, version, password_hash, updated_at) ON auth.accounts TO orc_auth;
GRANT UPDATE (signs_from, dropped_at, retired_at) ON auth.keys TO orc_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.sessions, auth.refresh_tokens, auth.api_keys, auth.failures TO orc_auth;

INSERT INTO log.rights (role, type)
SELECT 'orc_auth', type FROM unnest(ARRAY[
    'user.role_changed', 'user.activated', 'user.deactivated', 'user.password_changed',
    'session.opened', 'session.ended', 'api_key.created', 'api_key.revoked',
    'signing_key.made', 'signing_key.dropped'
]) type;
