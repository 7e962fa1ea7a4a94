"""What needs no credentials: probes, metrics, and the description itself."""

from __future__ import annotations

from syncnb.service.openapi.operations import JSON, TEXT, Answer, Content, Operation

_DOCUMENT = Content(JSON, {"type": "object"})


def _public(name: str, path: str, what: str, answers: dict[int, Answer]) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=path,
        what=what,
        section="docs/watching.md",
        tag="service",
        public=True,
        answers=answers,
    )


PUBLIC = (
    _public(
        "isAlive",
        "/healthz",
        "Whether the process lives",
        {200: Answer("It does.", Content(JSON, "Alive"))},
    ),
    _public(
        "isReady",
        "/readyz",
        "Whether the service can answer its callers",
        {
            200: Answer("It can.", Content(JSON, "Readiness")),
            503: Answer("It cannot, and says why.", Content(JSON, "Readiness")),
        },
    ),
    _public(
        "getMetrics",
        "/metrics",
        "Metrics in the text format of Prometheus",
        {
            200: Answer("The metrics.", Content(TEXT, {"type": "string"})),
            404: Answer("The configuration does not let this caller read them."),
        },
    ),
    _public(
        "getDescription",
        "/openapi.json",
        "This description",
        {200: Answer("OpenAPI 3.1.", _DOCUMENT)},
    ),
    _public(
        "getSwagger",
        "/swagger.json",
        "This description under the name that existing tools look for",
        {200: Answer("OpenAPI 3.1.", _DOCUMENT)},
    ),
    _public(
        "getPage",
        "/swagger",
        "The operations as a page",
        {200: Answer("HTML.", Content("text/html", {"type": "string"}))},
    ),
)
