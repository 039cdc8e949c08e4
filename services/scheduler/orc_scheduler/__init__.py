"""Scheduler: command handlers, cron ticks, relay and rescuer."""
