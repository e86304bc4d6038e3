-- A small shop to try things on: customers, products, orders.
PRAGMA journal_mode = WAL;
CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, since TEXT);
CREATE TABLE products(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price NUMERIC CHECK (price >= 0));
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id), ordered TEXT NOT NULL);
CREATE TABLE order_lines(order_id INTEGER REFERENCES orders(id), product INTEGER REFERENCES products(id), count INTEGER, PRIMARY KEY (order_id, product)) WITHOUT ROWID;
CREATE INDEX orders_by_customer ON orders(customer);
CREATE VIEW turnover AS SELECT product, sum(count * price) AS total FROM order_lines JOIN products ON products.id = product GROUP BY product;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO customers SELECT i, 'Customer ' || i, 'customer' || i || '@example.com', date('2024-01-01', '+' || (i % 700) || ' days') FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO products SELECT i, 'Product ' || i, 1 + i * 37 % 500 / 10.0 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO orders SELECT i, 1 + i * 7919 % 2000, datetime('2025-01-01', '+' || (i * 25) || ' minutes') FROM n;
INSERT INTO order_lines SELECT id, 1 + id * 31 % 200, 1 + id % 5 FROM orders;
INSERT INTO order_lines SELECT id, 1 + (id * 31 + 77) % 200, 1 FROM orders;
COMMIT;
