"""What PyPI's prometheus-api-client needs of a server; run with the address of a monitor with some samples."""
import sys
from datetime import datetime, timedelta, timezone

from prometheus_api_client import Metric, MetricRangeDataFrame, MetricSnapshotDataFrame, MetricsList, PrometheusConnect

prom = PrometheusConnect(url=sys.argv[1], disable_ssl=True)
assert prom.check_prometheus_connection()
names = prom.all_metrics()
assert "up" in names, names
assert prom.get_label_names() and "job" in prom.get_label_names()
assert prom.get_label_values("job")
assert prom.get_series(datetime.now() - timedelta(hours=1), datetime.now(), params={"match[]": "up"})
current = prom.get_current_metric_value("up")
assert current and all(row["metric"]["__name__"] == "up" for row in current), current
assert prom.get_current_metric_value("up", {"job": current[0]["metric"]["job"]})
end = datetime.now(timezone.utc)
ranged = prom.get_metric_range_data("up", start_time=end - timedelta(minutes=5), end_time=end)
assert ranged
assert isinstance(MetricsList(ranged)[0], Metric)
rows = prom.custom_query_range("sum(up)", start_time=end - timedelta(minutes=5), end_time=end, step="15")
assert rows and rows[0]["values"]
assert prom.custom_query("sum(up)")
numbers = prom.get_metric_aggregation("up", ["max", "min"], start_time=end - timedelta(minutes=5), end_time=end)
assert numbers and numbers["max"] == 1.0, numbers
assert len(MetricSnapshotDataFrame(current)) == len(current)
assert len(MetricRangeDataFrame(ranged)) > 0
assert prom.get_targets()["activeTargets"] if hasattr(prom, "get_targets") else True
assert prom.get_metric_metadata("up") is not None if hasattr(prom, "get_metric_metadata") else True
print("ok:", len(names), "metrics")
