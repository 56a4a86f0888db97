-- Sample data, schema version 2: 50 customers, 300 orders of one to four items over the 90 days before 2026-01-01.
--
-- Everything follows from the row's number, so each database holds the same rows. The factors are primes: they spread
-- names, products, quantities and prices without repeating in step.

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 50),
     person AS (
         SELECT n,
                json_extract('["Ada","Bruno","Chiara","Dmitri","Elif","Femi","Greta","Hiro","Ines","Jonas"]',
                             '$[' || (n * 7 % 10) || ']') AS given,
                json_extract('["Keller","Lindqvist","Moreau","Novak","Okafor","Petrov","Quiroga","Rossi","Sato","Tanaka","Udall"]',
                             '$[' || (n * 3 % 11) || ']') AS family
         FROM number)
INSERT INTO customer (customer_id, name, email, created_at_ms)
SELECT n,
       given || ' ' || family,
       lower(given) || '.' || lower(family) || n || '@example.com',
       1767225600000 - (120 - n) * 86400000
FROM person;

-- The total is set below, when the items are known.
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 300)
INSERT INTO orders (order_id, customer_id, total_amount_cents, status, created_at_ms)
SELECT n,
       n * 17 % 50 + 1,
       0,
       CASE WHEN n % 23 = 0 THEN 'cancelled' WHEN n <= 240 THEN 'delivered' WHEN n <= 270 THEN 'shipped'
            WHEN n <= 290 THEN 'paid' ELSE 'pending' END,
       1767225600000 - (301 - n) * 25920000
FROM number;

WITH RECURSIVE line (order_id, place) AS (
         SELECT order_id, 1 FROM orders
         UNION ALL
         SELECT order_id, place + 1 FROM line WHERE place < order_id * 13 % 4 + 1)
INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents)
SELECT order_id,
       101 + (order_id * 31 + place * 7) % 60,
       1 + (order_id * 11 + place * 5) % 4,
       -- A product costs the same in every order: 4.99 to 299.99.
       499 + (order_id * 31 + place * 7) % 60 * 500
FROM line
ORDER BY order_id, place;

UPDATE orders
SET total_amount_cents = (SELECT sum(quantity * unit_price_cents) FROM order_items WHERE order_items.order_id = orders.order_id);
