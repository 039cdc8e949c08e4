-- Every pool that work may be published for.
SELECT pool FROM jobs UNION SELECT pool FROM open_runs;
