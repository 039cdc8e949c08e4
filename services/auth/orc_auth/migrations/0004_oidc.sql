-- Accounts that a provider vouches for, and logins that are under way there.

ALTER TABLE auth.accounts
    -- Who vouches, and how it calls the person; such an account has no password here.
    ADD issuer  text COLLATE "C",
    ADD subject text COLLATE "C",
    ALTER password_hash DROP NOT NULL,
    ADD CHECK ((issuer IS NULL) = (subject IS NULL)),
    ADD CHECK ((issuer IS NULL) <> (password_hash IS NULL));
CREATE UNIQUE INDEX accounts_of_provider ON auth.accounts (issuer, subject) WHERE issuer IS NOT NULL;

CREATE TABLE auth.oidc_logins (
    -- SHA-256 of what comes back; each is good once.
    state_hash    bytea       NOT NULL PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    browser_hash  bytea       NOT NULL CHECK (octet_length(browser_hash) = 32),
    nonce         text        COLLATE "C" NOT NULL,
    -- Of PKCE: worth nothing without the code, which only the browser brings.
    verifier      text        COLLATE "C" NOT NULL,
    port          int4        CHECK (port BETWEEN 1024 AND 65535),
    challenge     text        COLLATE "C",
    expires_at    timestamptz NOT NULL,
    CHECK ((port IS NULL) = (challenge IS NULL))
);
CREATE INDEX oidc_logins_expired ON auth.oidc_logins (expires_at);

CREATE TABLE auth.oidc_tickets (
    ticket_hash bytea       NOT NULL PRIMARY KEY CHECK (octet_length(ticket_hash) = 32),
    user_id     uuid        NOT NULL REFERENCES auth.accounts,
    challenge   text        COLLATE "C" NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX oidc_tickets_expired ON auth.oidc_tickets (expires_at);

GRANT SELECT, INSERT, DELETE ON auth.oidc_logins, auth.oidc_tickets TO orc_auth;
