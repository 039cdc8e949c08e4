-- Move a follower's checkpoint from where it must stand, and renew the lease: no row for a holder that lost either.
-- The transaction does not wait for the disk: after a crash effect and checkpoint are older together. The setting is
-- local to it, because the session goes back to a pool whose next user may be an append, which must wait.
UPDATE checkpoints
   SET position = $3, lease_until = clock_timestamp() + make_interval(secs => $5)
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS this_transaction
 WHERE name = $1 AND position = $2 AND holder = $4
RETURNING position;
