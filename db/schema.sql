-- Tables of the order service on MySQL 8 or MariaDB 10.6 and later, schema version 1.
--
-- The service makes them itself at its first start. By hand: `mysql orders_db < db/schema.sql`, after `db/users-mysql.sql`. May be run again.

CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS customer (
    customer_id INT          NOT NULL PRIMARY KEY,
    name        VARCHAR(100) NOT NULL,
    email       VARCHAR(254) NOT NULL,
    created_at  TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    KEY customer_email (email),
    CONSTRAINT customer_id_positive CHECK (customer_id > 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS orders (
    order_id     BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id  INT           NOT NULL,
    total_amount DECIMAL(10,2) NOT NULL,
    status       VARCHAR(20)   NOT NULL DEFAULT 'pending',
    created_at   TIMESTAMP(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    KEY orders_customer_id (customer_id),
    KEY orders_created_at (created_at),
    CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id),
    CONSTRAINT orders_total_not_negative CHECK (total_amount >= 0),
    CONSTRAINT orders_status_known CHECK (status IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS order_items (
    item_id    BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    order_id   BIGINT        NOT NULL,
    product_id INT           NOT NULL,
    quantity   INT           NOT NULL,
    unit_price DECIMAL(10,2) NOT NULL,
    KEY order_items_order_id (order_id),
    KEY order_items_product_id (product_id),
    CONSTRAINT order_items_order FOREIGN KEY (order_id) REFERENCES orders (order_id) ON DELETE CASCADE,
    CONSTRAINT order_items_product_positive CHECK (product_id > 0),
    CONSTRAINT order_items_quantity_positive CHECK (quantity > 0),
    CONSTRAINT order_items_price_not_negative CHECK (unit_price >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT IGNORE INTO schema_version (version) VALUES (1);
