-- Sample data, schema version 2: 50 customers, 300 orders of one to four items over the 90 days before 2026-01-01.
--
-- Everything follows from the row's number, so each database holds the same rows. The factors are primes: they spread
-- names, products, quantities and prices without repeating in step.

BEGIN;

INSERT INTO customer (customer_id, name, email, created_at)
SELECT n,
       given || ' ' || family,
       lower(given) || '.' || lower(family) || n || '@example.com',
       to_timestamp(1767225600 - (120 - n) * 86400)
FROM (
    SELECT n,
           (ARRAY['Ada','Bruno','Chiara','Dmitri','Elif','Femi','Greta','Hiro','Ines','Jonas'])[n * 7 % 10 + 1] AS given,
           (ARRAY['Keller','Lindqvist','Moreau','Novak','Okafor','Petrov','Quiroga','Rossi','Sato','Tanaka','Udall'])[n * 3 % 11 + 1] AS family
    FROM generate_series(1, 50) AS n
) AS person;

-- The total is set below, when the items are known.
INSERT INTO orders (order_id, customer_id, total_amount, status, created_at)
SELECT n,
       n * 17 % 50 + 1,
       0,
       CASE WHEN n % 23 = 0 THEN 'cancelled' WHEN n <= 240 THEN 'delivered' WHEN n <= 270 THEN 'shipped'
            WHEN n <= 290 THEN 'paid' ELSE 'pending' END,
       to_timestamp(1767225600 - (301 - n) * 25920)
FROM generate_series(1, 300) AS n;

INSERT INTO order_items (order_id, product_id, quantity, unit_price)
SELECT order_id,
       101 + (order_id * 31 + place * 7) % 60,
       1 + (order_id * 11 + place * 5) % 4,
       -- A product costs the same in every order: 4.99 to 299.99.
       (499 + (order_id * 31 + place * 7) % 60 * 500) / 100.0
FROM orders, generate_series(1, order_id * 13 % 4 + 1) AS place
ORDER BY order_id, place;

UPDATE orders
SET total_amount = (SELECT sum(quantity * unit_price) FROM order_items WHERE order_items.order_id = orders.order_id);

-- The numbers that were given by hand are taken.
SELECT setval(pg_get_serial_sequence('orders', 'order_id'), 300);

INSERT INTO schema_version (version) VALUES (2);

COMMIT;
