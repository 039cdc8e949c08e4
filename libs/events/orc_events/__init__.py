"""The log and the bus: append-only events in Postgres, carried by NATS."""
