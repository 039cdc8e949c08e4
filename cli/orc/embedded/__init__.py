"""A real Postgres and a real nats-server from their wheels, on loopback."""
