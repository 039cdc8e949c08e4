"""What every process needs: settings, logs, life and death, health, metrics, the database, identity."""
