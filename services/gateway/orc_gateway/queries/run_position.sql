-- Where a run stands in the order of lists.
SELECT position FROM runs WHERE run_id = $1
