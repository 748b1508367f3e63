"""What the gate has found of a model, kept beside it: no build judges the same pair again."""

import json

from indexer.gate_report import GateReport
from indexer.shop import Shop
from vsearch.storage import write_atomically

RECORD = "gate.json"


def recorded(shop: Shop, model: str) -> GateReport | None:
    """Return what was found of a model last; None where it was not judged, or that is damaged."""
    try:
        values = json.loads((shop.models / model / RECORD).read_text(encoding="utf-8"))
        return GateReport.from_json(values)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(shop: Shop, report: GateReport) -> None:
    """Keep what was found of a model; where the model was not saved, nothing is kept."""
    folder = shop.models / report.candidate
    if folder.is_dir():
        told = json.dumps(report.to_json(), ensure_ascii=False, indent=1)
        # The draft lies in the shop: a backup takes in whatever a model's folder holds.
        write_atomically(folder / RECORD, told + "\n", drafts=shop.path)
