"""REST routes, a file per resource."""
