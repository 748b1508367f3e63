"""Schemathesis asks the whole API whatever its description allows, and much that it does not.

Requests are made from the description of the API, put to the app within this process, and judged by
all of Schemathesis' checks: no status, type, header or document but those that are described, no
5xx, wrong requests refused and right ones accepted, keys asked for, nothing found once deleted.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans

from api.app import create_app
from api.settings import ServerSettings
from tests.api.example_shop import tiny_offered
from tests.api.key_holder import make_key

# What the formats of our own allow in the shop of the examples.
FORMATS = {
    "category": ["Fruit", "Fruit > Apple", "Fruit/Apple", "Apple"],
    "field": ["price", "colour", "country", "category", "title"],
    "sort": ["price", "-price", "title", "-colour"],
    "words": ["blue striped", "apple"],
    "filter": [
        "price < 5",
        "price < 50 and colour in ('red', 'blue')",
        "not (country = 'Italy') or title contains 'blue'",
        "colour is not null",
    ],
}
# Any bytes are a photo to the description, and rightly refused; tests with photos cover these.
UPLOADS = ("search", "search_batch", "classify", "explain", "put_item", "post_items")
PHASES = ("examples", "coverage", "fuzzing", "stateful")


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        examples: requests by phase.
        answers: answers by operation and status.
        failures: what was wrong, with the request that shows it.
    """

    examples: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@contextmanager
def served(shop: Path, **settings: Any) -> Iterator[Any]:
    """Make the app of a shop, which is asked with a key alone, and as often as one wishes."""
    closed = {"public_search": False, "public_photos": False, "public_metrics": False}
    limits = {"key_rate": 0, "address_rate": 0, "rebuild": False}
    with tiny_offered():
        try:
            yield create_app(ServerSettings(shop=shop, **closed | limits | settings))
        finally:
            shutdown_lifespans()


def run(app: Any, scope: str | None, max_examples: int, phases: tuple[str, ...]) -> Outcome:
    """Ask the whole API.

    Args:
        app: the app.
        scope: of the key that requests have; None: they have none.
        max_examples: for each operation in the phase “fuzzing”, and of scenarios in “stateful”.
        phases: some of `PHASES`.
    """
    for name, values in FORMATS.items():
        schemathesis.openapi.format(name, st.sampled_from(values))
    key = make_key(app.state.settings.shop, scope) if scope else None
    schema = schemathesis.openapi.from_dict(
        app.openapi(), config=_config(key, max_examples, phases)
    )
    schema.app = app
    schema.hook("filter_case")(_within_pages)
    outcome = Outcome()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                _note(outcome, event)
            case events.NonFatalError() | events.FatalError():
                wrong = getattr(event, "value", None) or getattr(event, "exception", None)
                outcome.failures.append(f"Schemathesis itself failed: {wrong!r}")
    return outcome


def _config(key: str | None, max_examples: int, phases: tuple[str, ...]) -> SchemathesisConfig:
    uploads = {"include-operation-id": list(UPLOADS)}
    values: dict[str, Any] = {
        "seed": 1,
        "continue-on-failure": True,
        "generation": {"max-examples": max_examples, "deterministic": True, "no-shrink": True},
        "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
        "operations": [{**uploads, "checks": {"positive_data_acceptance": {"enabled": False}}}],
    }
    if key:
        values["auth"] = {"openapi": {"key": {"bearer": key}}}
    return SchemathesisConfig.from_dict(values)


def _within_pages(context: object, case: Any) -> bool:
    """Leave out pages beyond the most hits of a request, which JSON Schema has no words for."""
    query = case.query or {}
    try:
        return int(query.get("top_k", 10)) * int(query.get("page", 1)) <= 200
    except (TypeError, ValueError):
        return True


def _note(outcome: Outcome, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    outcome.examples[event.phase.value] += len(recorder.interactions)
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None and case_id in recorder.cases:
            label = recorder.cases[case_id].value.operation.label
            outcome.answers[label, interaction.response.status_code] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                label = recorder.cases[case_id].value.operation.label
                failure = check.failure_info
                response = recorder.interactions[case_id].response
                answer = response.content[:500] if response else b""
                outcome.failures.append(
                    f"{check.name} of {label}: {failure.failure.message}\n"
                    f"{failure.code_sample[:1000]}\n{answer!r}"
                )
