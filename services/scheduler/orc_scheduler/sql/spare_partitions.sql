-- How many partitions lie wholly ahead of the log's head.
SELECT log.spare_partitions();
