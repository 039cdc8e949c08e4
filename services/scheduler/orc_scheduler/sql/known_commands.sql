-- Which of these commands the log has recorded already.
SELECT command_id FROM log.commands WHERE command_id = ANY ($1);
