-- The statement that lets the owner make schemas in this database, the auditor make its replay schemas, and all connect.
SELECT format(
    'GRANT CONNECT ON DATABASE %1$I TO orc_migrate, orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor;
     GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %1$I TO orc_owner;
     GRANT CREATE ON DATABASE %1$I TO orc_auditor;
     GRANT USAGE, CREATE ON SCHEMA public TO orc_owner;
     GRANT USAGE ON SCHEMA public TO orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor;
     GRANT orc_owner TO orc_migrate',
    current_database()
)
