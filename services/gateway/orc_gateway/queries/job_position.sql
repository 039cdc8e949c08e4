-- Where a job stands in the order of lists.
SELECT position FROM jobs WHERE job_id = $1
