-- Everything applied so far.
SELECT package, name, sha256 FROM public.orc_migrations
