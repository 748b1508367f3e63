"""`GET /metrics` for Prometheus."""

from fastapi import APIRouter, Request, Response

from api.access import needs
from api.metrics import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

EXAMPLE = """\
# HELP vsearch_requests_total Requests answered.
# TYPE vsearch_requests_total counter
vsearch_requests_total{method="POST",route="/v1/search",status="200"} 17.0
"""

router = APIRouter(tags=["server"])


# A plain function, so that FastAPI runs it in a thread: counting a large shop takes a while.
@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    dependencies=[needs("admin", "public_metrics")],
    responses={
        200: {"description": "The counts.", "content": {"text/plain": {"example": EXAMPLE}}}
    },
)
def metrics(request: Request) -> Response:
    """Return what the server counts, in Prometheus' text format."""
    counted: Metrics = request.app.state.metrics
    return Response(counted.text(), headers={"Content-Type": CONTENT_TYPE})
