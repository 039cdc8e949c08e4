-- Keep empty partitions ahead of the log's head; returns how many were made.
SELECT log.ensure_partitions();
