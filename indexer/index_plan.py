"""When an index version gets codes beside its vectors, and how far a search in the codes goes.

A shop of some 100,000 views is scanned exactly. Above, rows are also kept as codes of half a byte
for two dimensions, in lists around centroids: a search scans the codes of a few lists and scores
the rows that they propose exactly. All thresholds stand here, with the measurement that set them.

1M × 256 clustered vectors (tests/benchmarks/search_data.py), 512 queries, ten nearest; milliseconds
until the candidates are known, FAISS 1.15.1 on one thread of a processor with AVX-512, the machine
shared with other work (scoring 100 candidates takes another .04, an exact scan 35):

| | probes | candidates | recall@10 | ms |
| --- | --- | --- | --- | --- |
| IVF4096, RaBitQ fast scan | 16 | 100 | .9951 | .16 |
| IVF4096, RaBitQ fast scan | 16 | 200 | .9996 | .18 |
| IVF4096, RaBitQ fast scan | 64 | 200 | .9996 | .42 |
| IVF4096, PQ128x4 fast scan of residuals | 16 | 100 | .9992 | .12 |
| IVF4096, the same | 64 | 100 | .9992 | .28 |
| IVF2048, the same | 16 | 100 | .9898 | .11 |
| IVF1024, the same | 16 | 100 | .9850 | .18 |

On vectors that hardly cluster (noise in nearly all 256 directions) RaBitQ's one bit a dimension
stays below .943 with 128 probes and 400 candidates, the product quantiser reaches .984 with 100.
Its table of distances is one a query where RaBitQ's is one a query and list, which is why it is
quicker too; its codes take 80 MB for a million rows where RaBitQ's take 55.

IVF: Jégou et al., Product Quantization for Nearest Neighbor Search, TPAMI 2011. Fast scan: André et
al., Quicker ADC, TPAMI 2021. RaBitQ: Gao & Long, SIGMOD 2024.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

Kind = Literal["exact", "codes"]

RECALL = 0.98
RECALL_AT = 10

# Nanoseconds on the machine above: a row whose code is scanned, and a candidate that is scored.
_SCANNED_NS, _SCORED_NS = 12.0, 300.0
# Never fewer: queries of tomorrow are not those that recall was measured on.
_PROBES = (8, 16, 32, 64, 128, 256, 512, 1024)
_CANDIDATES = (100, 200, 400, 800)
# More candidates than this, or than this share of the rows, take as long as scanning all rows.
_MOST_CANDIDATES, _MOST_SHARE = 4096, 1 / 8


@dataclass(frozen=True)
class Effort:
    """How far a search in codes goes.

    Attributes:
        probes: lists whose codes are scanned.
        candidates: rows that are scored exactly, where the `RECALL_AT` nearest are asked for.
    """

    probes: int
    candidates: int

    def of(self, k: int) -> "Effort":
        """Return the effort for the `k` nearest rows.

        In proportion to `k`, recall@40 and recall@100 are no lower than recall@10 (.9998 and .9994
        where that is .9984).
        """
        wider = max(1.0, k / RECALL_AT)
        return Effort(math.ceil(self.probes * math.sqrt(wider)), math.ceil(self.candidates * wider))

    def saves(self, rows: int) -> bool:
        """Say whether this is less work than scanning so many rows."""
        return self.candidates <= min(_MOST_CANDIDATES, _MOST_SHARE * rows)


@dataclass(frozen=True)
class Structure:
    """How a version finds its nearest rows, as its manifest tells it.

    Attributes:
        structure: "exact" for a scan of all rows, "codes" for codes and exact scores.
        recall: recall@10 beside the exact scan, as measured when the version was built.
        recall_sample: queries that it was measured on; 0 where a scan left nothing to measure.
        probes: see `Effort`; 0 without codes.
        candidates: likewise.
        codes_recall: what codes reached; where these were not enough, the version is scanned.
    """

    structure: Kind = "exact"
    recall: float = 1.0
    recall_sample: int = 0
    probes: int = 0
    candidates: int = 0
    codes_recall: float | None = None


@dataclass(frozen=True)
class IndexPlan:
    """From how many rows on there are codes, and how these are made.

    Attributes:
        exact_rows: up to so many rows are scanned: 2.5 ms for 100,000 of 256 dimensions, a
            fraction of what the network takes for the photo.
        rows_per_list: rows that the lists are learned from, for each list; 64 in place of 32 lift
            recall with 8 probes from .995 to .998 on 100,000 rows, and double the time.
        recall_sample: queries that recall is measured on.
    """

    exact_rows: int = 100_000
    rows_per_list: int = 32
    recall_sample: int = 512

    def has_codes(self, rows: int, least_recall: float) -> bool:
        """Say whether a version of so many rows gets codes; nothing but a scan recalls all."""
        return rows > self.exact_rows and least_recall < 1

    def lists(self, rows: int) -> int:
        """Return how many lists there are: a power of two near 4·√rows, as FAISS advises."""
        return min(rows, 1 << round(math.log2(4 * math.sqrt(max(rows, 1)))))

    def efforts(self, rows: int) -> list[Effort]:
        """Return the efforts that may be enough, the quickest first.

        Judged by how much is scanned and scored, not by the clock, so that the same rows always
        get the same version.
        """
        lists = self.lists(rows)
        scanned = _SCANNED_NS * rows / max(lists, 1)
        efforts = [Effort(*values) for values in product(_PROBES, _CANDIDATES)]
        return sorted(
            (e for e in efforts if 2 * e.probes <= lists and e.saves(rows)),
            key=lambda e: scanned * e.probes + _SCORED_NS * e.candidates,
        )


PLAN = IndexPlan()
