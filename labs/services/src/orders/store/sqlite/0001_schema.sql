-- Tables of the order service on SQLite, schema version 1.
--
-- Money and times are integers (cents, milliseconds since the epoch), because SQLite has no decimal type and its
-- DECIMAL columns are floats. The generated columns show them to people under the names that other databases use;
-- they take no space.

CREATE TABLE customer (
    customer_id   INTEGER PRIMARY KEY CHECK (customer_id > 0),
    name          TEXT NOT NULL,
    email         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_at    TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%S', created_at_ms / 1000, 'unixepoch')) VIRTUAL
) STRICT;

CREATE INDEX customer_email ON customer (email);

-- AUTOINCREMENT: the number of an order that was deleted is never given to another.
CREATE TABLE orders (
    order_id           INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id        INTEGER NOT NULL REFERENCES customer (customer_id),
    total_amount_cents INTEGER NOT NULL CHECK (total_amount_cents BETWEEN 0 AND 9999999999),
    status             TEXT NOT NULL DEFAULT 'pending'
                       CHECK (status IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled')),
    created_at_ms      INTEGER NOT NULL,
    total_amount       TEXT GENERATED ALWAYS AS (printf('%d.%02d', total_amount_cents / 100, total_amount_cents % 100)) VIRTUAL,
    created_at         TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%S', created_at_ms / 1000, 'unixepoch')) VIRTUAL
) STRICT;

CREATE INDEX orders_customer_id ON orders (customer_id);
CREATE INDEX orders_created_at ON orders (created_at_ms);

CREATE TABLE order_items (
    item_id          INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id         INTEGER NOT NULL REFERENCES orders (order_id) ON DELETE CASCADE,
    product_id       INTEGER NOT NULL CHECK (product_id > 0),
    quantity         INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_cents INTEGER NOT NULL CHECK (unit_price_cents BETWEEN 0 AND 9999999999),
    unit_price       TEXT GENERATED ALWAYS AS (printf('%d.%02d', unit_price_cents / 100, unit_price_cents % 100)) VIRTUAL
) STRICT;

CREATE INDEX order_items_order_id ON order_items (order_id);
CREATE INDEX order_items_product_id ON order_items (product_id);
