-- Services read it to know whether the database is as new as they are.
GRANT SELECT ON public.orc_migrations TO orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor
