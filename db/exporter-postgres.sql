-- The user that the agent reads PostgreSQL with: it sees figures and no rows of the application.
-- Put a password of your own in place of `change-me`. May be run again.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exporter') THEN
        CREATE ROLE exporter LOGIN;
    END IF;
END
$$;
ALTER ROLE exporter PASSWORD 'change-me' CONNECTION LIMIT 3;
GRANT pg_monitor TO exporter;
