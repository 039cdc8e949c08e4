-- Forget an account's failures.
DELETE FROM failures WHERE of_what = $1
