-- A function made from now on is nobody's to call until the matrix says so; Postgres would let everybody.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC
