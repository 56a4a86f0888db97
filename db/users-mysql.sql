-- The database of the order service and the user it logs in with, on MySQL 8 or MariaDB 10.6 and later. Put a password of your own in
-- place of `change-me`. By hand: `mysql < db/users-mysql.sql`. May be run again.

CREATE DATABASE IF NOT EXISTS orders_db CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'app_user'@'%' IDENTIFIED BY 'change-me';
ALTER USER 'app_user'@'%' IDENTIFIED BY 'change-me';
GRANT ALL PRIVILEGES ON orders_db.* TO 'app_user'@'%';
