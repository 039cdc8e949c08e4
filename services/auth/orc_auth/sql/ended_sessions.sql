-- Sessions that ended within the last $1 seconds, the newest first, $2 at most.
SELECT session_id, ended_at FROM sessions
WHERE ended_at > clock_timestamp() - make_interval(secs => $1)
ORDER BY ended_at DESC LIMIT $2
