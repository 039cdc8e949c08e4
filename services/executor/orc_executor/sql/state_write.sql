-- Remember where a task goes on.
INSERT INTO target._orc.states VALUES ($1, $2, $3, $4, now())
