-- False in a database no migration has ever run in.
SELECT to_regclass('public.orc_migrations') IS NOT NULL
