-- What few tasks tell: several tables, bad rows, warnings, columns. The JSON of `TaskDetails`; NULL is nothing of it, as in
-- rows written before, which stay as they are.
ALTER TABLE read.run_tasks ADD COLUMN details json;
