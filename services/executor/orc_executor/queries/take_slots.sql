-- Take a slot of each scope ($1, with limits $2) as holder $3, for attempt $5 of run $4, whose claim would be version $6
-- of its stream, by executor $7 for $8 seconds: `taken`, `busy`, or the scope that has none free.
SELECT executor.take_slots($1::text[], $2::int4[], $3, $4, $5, $6, $7, $8)
