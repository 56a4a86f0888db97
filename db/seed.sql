-- Sample data, schema version 2: 50 customers, 300 orders of one to four items over the 90 days before 2026-01-01.
--
-- The service loads it itself at its first start. By hand: `mysql orders_db < db/seed.sql`, after `db/schema.sql`. All of it or nothing;
-- a second time is refused.
--
-- Everything follows from the row's number, so each database holds the same rows. The factors are primes: they spread
-- names, products, quantities and prices without repeating in step.

START TRANSACTION;

INSERT INTO customer (customer_id, name, email, created_at)
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 50),
     person AS (
         SELECT n,
                ELT(n * 7 % 10 + 1, 'Ada', 'Bruno', 'Chiara', 'Dmitri', 'Elif', 'Femi', 'Greta', 'Hiro', 'Ines', 'Jonas') AS given,
                ELT(n * 3 % 11 + 1, 'Keller', 'Lindqvist', 'Moreau', 'Novak', 'Okafor', 'Petrov', 'Quiroga', 'Rossi', 'Sato', 'Tanaka', 'Udall') AS family
         FROM number)
SELECT n,
       CONCAT(given, ' ', family),
       CONCAT(LOWER(given), '.', LOWER(family), n, '@example.com'),
       FROM_UNIXTIME(1767225600 - (120 - n) * 86400)
FROM person;

-- The total is set below, when the items are known.
INSERT INTO orders (order_id, customer_id, total_amount, status, created_at)
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 300)
SELECT n,
       n * 17 % 50 + 1,
       0,
       CASE WHEN n % 23 = 0 THEN 'cancelled' WHEN n <= 240 THEN 'delivered' WHEN n <= 270 THEN 'shipped'
            WHEN n <= 290 THEN 'paid' ELSE 'pending' END,
       FROM_UNIXTIME(1767225600 - (301 - n) * 25920)
FROM number;

INSERT INTO order_items (order_id, product_id, quantity, unit_price)
WITH RECURSIVE line (order_id, place) AS (
         SELECT order_id, 1 FROM orders
         UNION ALL
         SELECT order_id, place + 1 FROM line WHERE place < order_id * 13 % 4 + 1)
SELECT order_id,
       101 + (order_id * 31 + place * 7) % 60,
       1 + (order_id * 11 + place * 5) % 4,
       -- A product costs the same in every order: 4.99 to 299.99.
       (499 + (order_id * 31 + place * 7) % 60 * 500) / 100
FROM line
ORDER BY order_id, place;

UPDATE orders
SET total_amount = (SELECT SUM(quantity * unit_price) FROM order_items WHERE order_items.order_id = orders.order_id);

INSERT INTO schema_version (version) VALUES (2);

COMMIT;
