-- Take or keep the lease of a follower: yields its position, or no row while another holder's lease runs.
INSERT INTO checkpoints AS held (name, position, holder, lease_until)
VALUES ($1, 0, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE
   SET holder = excluded.holder, lease_until = excluded.lease_until
 WHERE held.holder = excluded.holder OR held.lease_until < clock_timestamp()
RETURNING position;
