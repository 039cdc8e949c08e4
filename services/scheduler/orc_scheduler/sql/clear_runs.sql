-- Empty the open runs, for a rebuild.
DELETE FROM open_runs;
