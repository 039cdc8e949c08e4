-- What became of a job's due instants in a range, the newest first; a span that begins before the range and reaches into
-- it is a part of it. Only one can, since spans share no instant: the last that begins before.
SELECT due_at, outcome, reason, run_id, position, last_due_at, count, job_version, tzdata
FROM (
    (SELECT * FROM ticks WHERE job_id = $1 AND due_at > $2 AND due_at < $3
     ORDER BY due_at DESC, position DESC LIMIT $4)
    UNION ALL
    (SELECT * FROM (SELECT * FROM ticks WHERE job_id = $1 AND due_at <= $2
                    ORDER BY due_at DESC, position DESC LIMIT 1) AS reaching
     WHERE last_due_at > $2 AND due_at < $3)
) AS found
ORDER BY due_at DESC, position DESC LIMIT $4
