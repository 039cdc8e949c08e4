-- What was applied, and the hash of the text that was applied.
CREATE TABLE IF NOT EXISTS public.orc_migrations (
    package text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (package, name)
)
