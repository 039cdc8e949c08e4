-- The log's tables: events that nobody changes, and beside them what an append must know without reading events.
CREATE SCHEMA log;

-- Text compares by bytes everywhere in the log: the same on every machine, and the fastest.
CREATE TABLE log.events (
    position       int8        NOT NULL PRIMARY KEY CHECK (position > 0),
    stream         text        COLLATE "C" NOT NULL CHECK (octet_length(stream) BETWEEN 1 AND 255),
    version        int8        NOT NULL CHECK (version > 0),
    type           text        COLLATE "C" NOT NULL CHECK (octet_length(type) BETWEEN 1 AND 255),
    schema_version int4        NOT NULL CHECK (schema_version > 0),
    -- `json`, not `jsonb`: the text is hashed, so it must come back as it was written.
    data           json        NOT NULL,
    actor          text        COLLATE "C" NOT NULL CHECK (octet_length(actor) BETWEEN 1 AND 255),
    command_id     uuid        NOT NULL,
    correlation_id uuid        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    hash           bytea       NOT NULL CHECK (octet_length(hash) = 32)
) PARTITION BY RANGE (position);

-- One row: the last position and its hash. Whoever holds its lock is the only writer of the log.
CREATE TABLE log.head (
    only_row    bool        NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    position    int8        NOT NULL CHECK (position >= 0),
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

INSERT INTO log.head (position, hash, recorded_at) VALUES (0, decode(repeat('00', 32), 'hex'), '-infinity');

-- `first_position` lets a read of one stream skip all older partitions.
CREATE TABLE log.streams (
    stream         text COLLATE "C" NOT NULL PRIMARY KEY,
    version        int8 NOT NULL CHECK (version > 0),
    first_position int8 NOT NULL CHECK (first_position > 0)
) WITH (fillfactor = 80);

-- Each command id the log answered for good. Conflicts and rejections are not here: those are decided again.
CREATE TABLE log.commands (
    command_id  uuid        NOT NULL PRIMARY KEY,
    body_hash   bytea       NOT NULL,
    state       text        NOT NULL CHECK (state IN ('appended', 'expired')),
    position    int8        CHECK ((position IS NULL) = (state = 'expired')),
    version     int8        CHECK ((version IS NULL) = (state = 'expired')),
    result      text,
    recorded_at timestamptz NOT NULL
);

-- Which role may append which event type; filled by the migration of the service that owns the role.
CREATE TABLE log.rights (
    role text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    PRIMARY KEY (role, type)
);

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- Row triggers of the parent are copied to each partition, so they stand for a direct UPDATE of a partition too.
-- TRUNCATE fires statement triggers only, which are not copied: `log.ensure_partitions` makes those.
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON log.events
FOR EACH ROW EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON log.events
FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Keep two empty partitions ahead of the head; returns how many it made.
-- ATTACH, not PARTITION OF: the latter would lock appends and readers out of the whole table.
CREATE FUNCTION log.ensure_partitions() RETURNS int4 LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size      CONSTANT int8 := 5000000;
    current   int8;
    partition text;
    made      int4 := 0;
BEGIN
    -- Two schedulers may call at once; the second finds nothing left to make.
    PERFORM pg_advisory_xact_lock(hashtext('log.ensure_partitions'));
    SELECT h.position / size INTO STRICT current FROM log.head h;
    FOR number IN current .. current + 2 LOOP
        partition := format('events_%s', lpad(number::text, 6, '0'));
        CONTINUE WHEN to_regclass('log.' || partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE log.%I (LIKE log.events INCLUDING ALL)', partition);
        -- The promise of one event per version of a stream, as far as one partition can keep it;
        -- across partitions it is kept by `log.streams`, read and written under the head's lock.
        EXECUTE format('CREATE UNIQUE INDEX %I ON log.%I (stream, version)', partition || '_stream', partition);
        EXECUTE format(
            'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON log.%I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change()', partition);
        EXECUTE format(
            'ALTER TABLE log.events ATTACH PARTITION log.%I FOR VALUES FROM (%s) TO (%s)',
            partition, number * size, (number + 1) * size);
        EXECUTE format('GRANT SELECT ON log.%I TO orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor', partition);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- How many partitions lie wholly ahead of the head: readiness asks for at least one.
CREATE FUNCTION log.spare_partitions() RETURNS int4 LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*)::int4
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, log.head h
    WHERE i.inhparent = 'log.events'::regclass
      AND c.relname > format('events_%s', lpad((h.position / 5000000)::text, 6, '0'))
$$;

SELECT log.ensure_partitions();

REVOKE ALL ON FUNCTION log.ensure_partitions(), log.refuse_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.ensure_partitions() TO orc_scheduler;
GRANT USAGE ON SCHEMA log TO orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA log TO orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor;
