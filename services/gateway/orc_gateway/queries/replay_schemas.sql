-- The numbers of the replay schemas there are; one without its session is left over from a replay that was killed.
SELECT substring(nspname FROM 8)::int FROM pg_namespace WHERE nspname ~ '^replay_[0-9]{1,9}$' ORDER BY 1
