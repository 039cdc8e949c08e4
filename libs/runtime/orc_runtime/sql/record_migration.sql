-- In the migration's own transaction: applied and recorded are one fact.
INSERT INTO public.orc_migrations (package, name, sha256) VALUES ($1, $2, $3)
