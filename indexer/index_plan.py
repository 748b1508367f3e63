"""When an index version gets codes beside its vectors, and how far a search in the codes goes.

A shop of some 50,000 views is scanned exactly. Above, rows are also kept as codes of half a byte
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

Fewer rows, codes tuned to .98, 512 queries of the benchmark; milliseconds for one query and queries
a second in batches of 64; processor seconds for learning and tuning codes:

| rows | scan ms | codes ms | scan of 64 | codes of 64 | recall@10 | build s |
| --- | --- | --- | --- | --- | --- | --- |
| 10,000 | .20 | .11 | 12,200 | 19,400 | .984 | 1.3 |
| 30,000 | 1.05 | .11 | 4,700 | 19,200 | .999 | 1.7 |
| 50,000 | 1.85 | .12 | 2,900 | 16,800 | .998 | 3.1 |
| 100,000 | 3.0 | .13 | 1,800 | 16,000 | .998 | 4.6 |
| 200,000 | 6.8 | .14 | 950 | 14,100 | .993 | 11.8 |

Codes are quicker from 10,000 rows on; up to 50,000 a scan takes less than 2 ms, a tenth of what the
network takes for the photo, and misses nothing.

A category of half of the million rows, codes learned on its own (2048 lists), 512 queries like its
rows and 512 like all others; milliseconds for one query, and a query of 64 (a scan 15.4 and 2.7):

| probes | candidates | recall@10, inside | outside | ms | of 64 |
| --- | --- | --- | --- | --- | --- |
| 16 | 200 | .9996 | .9799 | .18 | .11 |
| 64 | 400 | .9998 | .9936 | .35 | .20 |
| 256 | 800 | .9998 | .9982 | .9 | .45 |
| 512 | 1600 | 1.0000 | .9990 | 1.7 | .8 |
| 1024 | 1600 | 1.0000 | .9996 | 2.9 | 1.0 |
| 1024 | 3200 | 1.0000 | .9998 | 3.3 | 1.3 |

A category of 200,000 of them takes the last of these efforts: 2.9 and 1.1 ms, the scan 5.5 and 1.1.
So that is where codes begin to pay. They take 80 bytes a row (93 where rows are few) and, for
500,000 rows, about 30 processor seconds of a build.

IVF: Jégou et al., Product Quantization for Nearest Neighbor Search, TPAMI 2011. Fast scan: André et
al., Quicker ADC, TPAMI 2021. RaBitQ: Gao & Long, SIGMOD 2024.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

from vsearch.taxonomy import CategoryPath

Kind = Literal["exact", "codes"]

RECALL = 0.98
RECALL_AT = 10
FILTERED_RECALL = 0.9995  # told as 1.000: a filter is promised to be exact

# Nanoseconds on the machine above: a row whose code is scanned, and a candidate that is scored.
_SCANNED_NS, _SCORED_NS = 10.0, 130.0
_PROBES = (8, 16, 32, 64, 128, 256, 512, 1024)
_CANDIDATES = (100, 200, 400, 800, 1600, 3200, 6400)
# With more candidates than a fortieth of the rows, a batch takes as long as scanning them all (2.6
# ms a query for 500,000 rows). Where rows are few, 4,096 do, but for an eighth of the rows.
_MOST_SHARE, _FEW_CANDIDATES, _MOST_SHARE_OF_FEW = 1 / 40, 4096, 1 / 8


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

    def halved(self) -> "Effort":
        """Return half of the effort: what it finds all the same is found for certain."""
        return Effort(-(-self.probes // 2), -(-self.candidates // 2))

    def saves(self, rows: int) -> bool:
        """Say whether this is less work than scanning so many rows."""
        few = min(_FEW_CANDIDATES, _MOST_SHARE_OF_FEW * rows)
        return self.candidates <= max(few, _MOST_SHARE * rows)


# Never less: queries of tomorrow are not those that recall was measured on. In a category they come
# from anywhere, and with these a search takes .35 ms all the same.
LEAST_EFFORT = Effort(8, 100)
LEAST_FILTERED_EFFORT = Effort(64, 400)


@dataclass(frozen=True)
class SubtreeStructure:
    """How the nearest rows of a large category and all below it are found.

    Attributes:
        path: of the category.
        rows: how many rows it has.
        recall_inside: recall@10 beside the exact scan, of queries like its own rows.
        recall_outside: the same, of queries like all other rows.
        probes: see `Effort`; 0 where it is scanned.
        candidates: likewise.
        codes_recall: the lesser of the two recalls that codes reached; where it was not enough, the
            category is scanned.
    """

    path: CategoryPath
    rows: int
    recall_inside: float = 1.0
    recall_outside: float = 1.0
    probes: int = 0
    candidates: int = 0
    codes_recall: float = 0.0


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
        subtrees: large categories, each below or beside the others; only with codes.
    """

    structure: Kind = "exact"
    recall: float = 1.0
    recall_sample: int = 0
    probes: int = 0
    candidates: int = 0
    codes_recall: float | None = None
    subtrees: tuple[SubtreeStructure, ...] = ()


@dataclass(frozen=True)
class IndexPlan:
    """From how many rows on there are codes, and how these are made.

    Attributes:
        exact_rows: up to so many rows are scanned.
        subtree_rows: categories of more rows, fewer than all, get codes of their own.
        rows_per_list: rows that the lists are learned from, for each list; 64 in place of 32 lift
            recall with 8 probes from .995 to .998 on 100,000 rows, and double the time.
        recall_sample: queries that recall is measured on.
    """

    exact_rows: int = 50_000
    subtree_rows: int = 200_000
    rows_per_list: int = 32
    recall_sample: int = 512

    def has_codes(self, rows: int, least_recall: float) -> bool:
        """Say whether a version of so many rows gets codes; nothing but a scan recalls all."""
        return rows > self.exact_rows and least_recall < 1

    def lists(self, rows: int) -> int:
        """Return how many lists there are: a power of two near 4·√rows, as FAISS advises."""
        return min(rows, 1 << round(math.log2(4 * math.sqrt(max(rows, 1)))))

    def efforts(self, rows: int, least: Effort = LEAST_EFFORT) -> list[Effort]:
        """Return the efforts that may be enough, the quickest first, none below the `least`.

        Judged by how much is scanned and scored, not by the clock, so that the same rows always
        get the same version.
        """
        lists = self.lists(rows)
        scanned = _SCANNED_NS * rows / max(lists, 1)
        efforts = [Effort(*values) for values in product(_PROBES, _CANDIDATES)]
        return sorted(
            (
                effort
                for effort in efforts
                if least.probes <= effort.probes <= lists / 2
                and least.candidates <= effort.candidates
                and effort.saves(rows)
            ),
            key=lambda effort: scanned * effort.probes + _SCORED_NS * effort.candidates,
        )


PLAN = IndexPlan()
