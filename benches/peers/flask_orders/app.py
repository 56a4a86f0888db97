"""The read path of the order service as a Python team writes it: Flask under gunicorn, PyMySQL behind a pool.

It answers `GET /api/order/<id>` from the same tables as `watchfire service orders`, with the same body, and counts and times its
requests for Prometheus. `cargo xtask bench service` runs it; the database comes in DATABASE_* of the environment.
"""

import os
import time
from datetime import timezone

import pymysql
from dbutils.pooled_db import PooledDB
from flask import Flask, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# As many connections a worker as it has threads; none is asked whether it is alive before each use.
POOL = PooledDB(
    pymysql,
    maxconnections=8,
    blocking=True,
    ping=0,
    host=os.environ["DATABASE_HOST"],
    port=int(os.environ["DATABASE_PORT"]),
    user=os.environ["DATABASE_USER"],
    password=os.environ["DATABASE_PASSWORD"],
    database=os.environ["DATABASE_NAME"],
    autocommit=True,
    ssl_disabled=True,
)
ORDER = "SELECT customer_id, status, total_amount, created_at FROM orders WHERE order_id = %s"
ITEMS = "SELECT item_id, product_id, quantity, unit_price FROM order_items WHERE order_id = %s ORDER BY item_id"

REQUESTS = Counter("http_requests", "Requests answered", ["method", "endpoint", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time of requests", ["method", "endpoint", "status"])

app = Flask(__name__)


@app.before_request
def begin():
    g.began = time.perf_counter()


@app.after_request
def count(response):
    rule = request.url_rule.rule if request.url_rule else "unmatched"
    labels = (request.method, rule, str(response.status_code))
    REQUESTS.labels(*labels).inc()
    DURATION.labels(*labels).observe(time.perf_counter() - g.began)
    return response


@app.get("/api/order/<int:order_id>")
def get_order(order_id):
    connection = POOL.connection()
    try:
        with connection.cursor() as cursor:
            cursor.execute(ORDER, (order_id,))
            order = cursor.fetchone()
            if order is None:
                return jsonify(error="not found", field="id"), 404
            cursor.execute(ITEMS, (order_id,))
            items = cursor.fetchall()
    finally:
        connection.close()
    customer_id, status, total, created_at = order
    return jsonify(
        order_id=order_id,
        customer_id=customer_id,
        status=status,
        # Text, as JSON has no decimals here; a float would not be exact.
        total_amount=str(total),
        created_at=created_at.replace(tzinfo=timezone.utc).isoformat(timespec="milliseconds"),
        items=[
            {"item_id": item, "product_id": product, "quantity": quantity, "unit_price": str(price)}
            for item, product, quantity, price in items
        ],
    )


@app.get("/metrics")
def metrics():
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry), 200, {"Content-Type": CONTENT_TYPE_LATEST}
