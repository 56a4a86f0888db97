"""PyPI's python-logging-loki, as its page says to use it; run with the address of a Loki."""
import logging
import sys

import logging_loki

handler = logging_loki.LokiHandler(url=sys.argv[1].rstrip("/") + "/loki/api/v1/push", tags={"application": "from-python"}, version="1")
# A handler that fails only prints by default.
handler.handleError = lambda record: sys.exit(f"refused: {sys.exc_info()[1]}")
logger = logging.getLogger("python-logger")
logger.addHandler(handler)
for i in range(5):
    logger.error("python line %d", i, extra={"tags": {"service": "my-service"}})
print("sent")
