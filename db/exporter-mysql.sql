-- The user that the agent reads MySQL 8 or MariaDB with: it sees figures and no rows of the application beyond their sizes.
-- Put a password of your own in place of `change-me`. May be run again.

CREATE USER IF NOT EXISTS 'exporter'@'localhost' IDENTIFIED BY 'change-me' WITH MAX_USER_CONNECTIONS 3;
ALTER USER 'exporter'@'localhost' IDENTIFIED BY 'change-me' WITH MAX_USER_CONNECTIONS 3;
GRANT PROCESS, REPLICATION CLIENT, SELECT ON *.* TO 'exporter'@'localhost';
-- MariaDB has a right of its own for the state of a replica; MySQL takes the line for a comment.
/*M! GRANT SLAVE MONITOR ON *.* TO 'exporter'@'localhost' */;
