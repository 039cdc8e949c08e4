-- The pools of runs whose work message is due again, for which the pool's backlog is asked.
SELECT DISTINCT pool FROM open_runs WHERE send_after <= statement_timestamp() AND sends > 0;
