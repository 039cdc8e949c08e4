"""Jobs, runs and schedules as pure functions: no I/O, no clock, no randomness."""
