-- The user that the agent reads MySQL 8 or MariaDB with: it sees figures and no row of any table.
-- Put a password of your own in place of `change-me`. May be run again.

CREATE USER IF NOT EXISTS 'exporter'@'localhost' IDENTIFIED BY 'change-me' WITH MAX_USER_CONNECTIONS 3;
ALTER USER 'exporter'@'localhost' IDENTIFIED BY 'change-me' WITH MAX_USER_CONNECTIONS 3;
-- Status, variables and connections; the state of a replica and of binary logs.
GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'exporter'@'localhost';
-- MariaDB has a right of its own for the state of a replica; MySQL takes the line for a comment.
/*M! GRANT SLAVE MONITOR ON *.* TO 'exporter'@'localhost' */;
-- Statements and waits.
GRANT SELECT ON performance_schema.* TO 'exporter'@'localhost';
-- Names, sizes and keys of tables: information_schema shows a table to whoever has any right on it, and this one reads and
-- changes nothing. Leave it out, and table statistics stay empty.
GRANT REFERENCES ON *.* TO 'exporter'@'localhost';
