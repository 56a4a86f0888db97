-- The user that the agent reads PostgreSQL with: it sees figures and no row of the application's tables.
-- Put a password of your own in place of `change-me`. May be run again.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exporter') THEN
        CREATE ROLE exporter LOGIN;
    END IF;
END
$$;
ALTER ROLE exporter PASSWORD 'change-me' CONNECTION LIMIT 3;
-- Statistics, settings, sizes and the folder of the log. Nothing else: tables are not among it.
GRANT pg_monitor TO exporter;
