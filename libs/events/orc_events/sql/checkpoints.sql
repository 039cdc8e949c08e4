-- How far each follower of this schema's service has come, and who follows now. Each service's migration holds this.
CREATE TABLE checkpoints (
    name        text        PRIMARY KEY,
    position    bigint      NOT NULL CHECK (position >= 0),
    holder      text        NOT NULL,
    lease_until timestamptz NOT NULL
);
