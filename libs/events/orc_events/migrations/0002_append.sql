-- The one way into the log. `docs/events.md` describes the canonical bytes; `orc_events/canonical.py` is their twin.

-- By way of an interval: `extract` from a timestamptz is not immutable, which would keep it from being inlined.
CREATE FUNCTION log.unix_microseconds(at timestamptz) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(epoch FROM at - timestamptz '1970-01-01 00:00:00+00') * 1000000)::int8;

-- What is hashed of an event: each field preceded by its length in bytes (int4 big-endian). Stable, as `convert_to`
-- is: declared immutable it would be called for each event instead of being inlined.
CREATE FUNCTION log.canonical(
    event_position int8, version int8, schema_version int4, occurred_at timestamptz, recorded_at timestamptz,
    command_id uuid, correlation_id uuid, stream text, type text, actor text, data text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN '\x00000008'::bytea || int8send(event_position)
    || '\x00000008'::bytea || int8send(version)
    || '\x00000008'::bytea || int8send(schema_version)
    || '\x00000008'::bytea || int8send(log.unix_microseconds(occurred_at))
    || '\x00000008'::bytea || int8send(log.unix_microseconds(recorded_at))
    || '\x00000010'::bytea || uuid_send(command_id)
    || '\x00000010'::bytea || uuid_send(correlation_id)
    || int4send(octet_length(stream)) || convert_to(stream, 'UTF8')
    || int4send(octet_length(type)) || convert_to(type, 'UTF8')
    || int4send(octet_length(actor)) || convert_to(actor, 'UTF8')
    || int4send(octet_length(data)) || convert_to(data, 'UTF8');

-- The chain as an aggregate: over a window it gives each event its hash, starting from `seed`.
CREATE FUNCTION log.link(hash bytea, seed bytea, canonical bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE
AS $$ BEGIN RETURN sha256(coalesce(hash, seed) || canonical); END $$;

CREATE AGGREGATE log.chain(seed bytea, canonical bytea) (SFUNC = log.link, STYPE = bytea);

-- Append a batch. Every item is answered by itself, in order:
--   appended           position and version of its last event
--   repeated           the command was appended before: what was recorded then
--   command_conflict   the command id is known with another body
--   expired            past its deadline; recorded as such unless it is already
--   type_not_allowed   the session's role may not append `detail`
--   version_conflict   the stream is at `version`
-- The last three leave the log as it was, and the last two leave the command id free.
--
-- The head's lock comes first and is the only one, so appends cannot deadlock, everything read after it is final,
-- and commit order is position order. It is held until the caller commits: append last.
CREATE FUNCTION log.append(
    command_ids uuid[], body_hashes bytea[], streams text[], expected_versions int8[], actors text[],
    correlation_ids uuid[], occurred_ats timestamptz[], results text[], deadlines timestamptz[],
    event_counts int4[], types text[], schema_versions int4[], datas text[],
    OUT outcomes text[], OUT positions int8[], OUT versions int8[], OUT recorded_results text[],
    OUT details text[], OUT role text
) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
-- Every look into a table here is by its key, also while the table is so small that a scan seems cheaper: the plan
-- is kept, the table grows.
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    items_count CONSTANT int4 := cardinality(command_ids);
    head        log.head%ROWTYPE;
    present     timestamptz;
    moment      timestamptz;
    event_items int4[];
    event_nths  int4[];
    allowed     text[];
    barred      int4[];
    barred_type text[];
    twin_before int4[];
    item_first  int4 := 1;
    item_last   int4;
    event_first int4 := 1;
    event_last  int4;
    judged      record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'log.append needs READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    -- A caller that stalls before its COMMIT would hold everybody up.
    PERFORM set_config('idle_in_transaction_session_timeout', '5s', true);

    -- For each event its item, and its place within the item.
    SELECT array_agg(c.item), array_agg(nth) INTO event_items, event_nths
    FROM unnest(event_counts) WITH ORDINALITY c(count, item), generate_series(1, c.count) nth;
    IF cardinality(event_counts) <> items_count OR 1 > ANY (event_counts)
        OR cardinality(event_items) IS DISTINCT FROM cardinality(types)
    THEN
        RAISE EXCEPTION 'the batch is not well formed' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    role := session_user;
    SELECT array_agg(r.type) INTO allowed FROM log.rights r
    WHERE r.role = session_user OR pg_has_role(session_user, to_regrole(r.role)::oid, 'MEMBER');
    SELECT array_agg(e.item), array_agg(e.type) INTO barred, barred_type
    FROM unnest(event_items, types) e(item, type) WHERE (e.type = ANY (allowed)) IS NOT TRUE;

    -- Items of one stream, or of one command id, see what the items before them did: they go in rounds, each a run
    -- of items without twins. Nearly always there is one round.
    IF (SELECT count(DISTINCT s COLLATE "C") FROM unnest(streams) s) < items_count
        OR (SELECT count(DISTINCT c) FROM unnest(command_ids) c) < items_count
    THEN
        SELECT array_agg(t.before ORDER BY t.item) INTO twin_before
        FROM (
            SELECT i.item, greatest(
                lag(i.item) OVER (PARTITION BY i.stream COLLATE "C" ORDER BY i.item),
                lag(i.item) OVER (PARTITION BY i.command_id ORDER BY i.item)) AS before
            FROM unnest(streams, command_ids) WITH ORDINALITY i(stream, command_id, item)
        ) t;
    END IF;

    SELECT * INTO STRICT head FROM log.head FOR UPDATE;
    -- After a clock was set back the log's own time stands still. A deadline is judged by the clock as it is: else
    -- every command would be too late until the clock has caught up.
    present := clock_timestamp();
    moment := greatest(head.recorded_at, present);

    WHILE item_first <= items_count LOOP
        item_last := coalesce((
            SELECT min(t.item) - 1 FROM unnest(twin_before) WITH ORDINALITY t(before, item)
            WHERE t.item > item_first AND t.before >= item_first), items_count);
        event_last := event_first - 1 + (SELECT sum(c) FROM unnest(event_counts[item_first:item_last]) c);

        SELECT array_agg(p.outcome) AS outcomes, array_agg(p.position) AS positions,
               array_agg(p.version) AS versions, array_agg(p.result) AS results, array_agg(p.detail) AS details,
               max(p.position) FILTER (WHERE p.outcome = 'appended') AS head_position
        INTO judged
        FROM (
            SELECT j.outcome,
                CASE j.outcome
                    WHEN 'appended' THEN head.position + sum(event_counts[j.item])
                        FILTER (WHERE j.outcome = 'appended') OVER (ORDER BY j.item)
                    WHEN 'repeated' THEN j.known_position
                END::int8 AS position,
                CASE j.outcome
                    WHEN 'appended' THEN j.version + event_counts[j.item]
                    WHEN 'repeated' THEN j.known_version
                    ELSE j.version
                END AS version,
                CASE j.outcome
                    WHEN 'appended' THEN results[j.item]
                    WHEN 'repeated' THEN j.known_result
                END AS result,
                CASE j.outcome
                    WHEN 'type_not_allowed' THEN barred_type[array_position(barred, j.item)]
                END AS detail
            FROM (
                SELECT item, coalesce(s.version, 0) AS version,
                    known.position AS known_position, known.version AS known_version, known.result AS known_result,
                    CASE
                        WHEN known.body_hash <> body_hashes[item] THEN 'command_conflict'
                        WHEN known.state = 'appended' THEN 'repeated'
                        WHEN deadlines[item] < present THEN 'expired'
                        WHEN item = ANY (barred) THEN 'type_not_allowed'
                        WHEN coalesce(s.version, 0) <> expected_versions[item] THEN 'version_conflict'
                        ELSE 'appended'
                    END AS outcome
                FROM generate_series(item_first, item_last) item
                LEFT JOIN log.commands known ON known.command_id = command_ids[item]
                LEFT JOIN log.streams s ON s.stream = streams[item]
            ) j
            ORDER BY j.item
        ) p;
        outcomes := outcomes || judged.outcomes;
        positions := positions || judged.positions;
        versions := versions || judged.versions;
        recorded_results := recorded_results || judged.results;
        details := details || judged.details;

        IF judged.head_position IS NOT NULL THEN
            WITH chained AS (
                SELECT p.*, log.chain(head.hash, log.canonical(
                        p.position, p.version, schema_versions[p.event], occurred_ats[p.item], moment,
                        command_ids[p.item], correlation_ids[p.item], streams[p.item], types[p.event], actors[p.item],
                        datas[p.event])) OVER (ORDER BY p.event) AS hash
                FROM (
                    SELECT event, event_items[event] AS item,
                        head.position + row_number() OVER (ORDER BY event) AS position,
                        expected_versions[event_items[event]] + event_nths[event] AS version
                    FROM generate_series(event_first, event_last) event
                    WHERE outcomes[event_items[event]] = 'appended'
                ) p
            ), written AS (
                INSERT INTO log.events (position, stream, version, type, schema_version, data, actor, command_id,
                    correlation_id, occurred_at, recorded_at, hash)
                SELECT c.position, streams[c.item], c.version, types[c.event], schema_versions[c.event],
                    datas[c.event]::json, actors[c.item], command_ids[c.item], correlation_ids[c.item],
                    occurred_ats[c.item], moment, c.hash
                FROM chained c
                RETURNING events.position, events.hash
            )
            SELECT w.position, w.hash INTO STRICT head.position, head.hash
            FROM written w WHERE w.position = judged.head_position;

            INSERT INTO log.streams AS s (stream, version, first_position)
            SELECT streams[item], versions[item], positions[item] - event_counts[item] + 1
            FROM generate_series(item_first, item_last) item
            WHERE outcomes[item] = 'appended'
            ON CONFLICT (stream) DO UPDATE SET version = excluded.version;
        END IF;

        -- A command that expired may come again in time; one that was appended is never written again.
        INSERT INTO log.commands AS c (command_id, body_hash, state, position, version, result, recorded_at)
        SELECT command_ids[item], body_hashes[item], outcomes[item], positions[item],
            CASE outcomes[item] WHEN 'appended' THEN versions[item] END, recorded_results[item], moment
        FROM generate_series(item_first, item_last) item
        WHERE outcomes[item] IN ('appended', 'expired')
        ON CONFLICT (command_id) DO UPDATE SET state = excluded.state, position = excluded.position,
            version = excluded.version, result = excluded.result, recorded_at = excluded.recorded_at
            WHERE c.state = 'expired';

        item_first := item_last + 1;
        event_first := event_last + 1;
    END LOOP;

    UPDATE log.head h SET position = head.position, hash = head.hash, recorded_at = moment
    WHERE h.position <> head.position;
END $$;

REVOKE ALL ON FUNCTION log.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.append TO orc_gateway, orc_auth, orc_scheduler, orc_executor;
