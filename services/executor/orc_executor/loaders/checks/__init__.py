"""What must be true of a table before a load is committed."""
