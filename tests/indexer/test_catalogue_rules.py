"""Whatever is written in whatever order, the catalogue's rules hold."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue, ItemRow, PhotoRow
from indexer.records import SPLITS

PICTURES = st.sampled_from("pqrst")
ITEMS = st.builds(
    lambda name, category, pictures, reason: ItemRow(
        name,
        name,
        category,
        tuple(PhotoRow(p, Path(f"/{p}.jpg"), 1, 1, position=n) for n, p in enumerate(pictures)),
        reason=reason,
    ),
    st.sampled_from("abc"),
    st.sampled_from([(), ("X",), ("X", "Y")]),
    st.lists(PICTURES, max_size=3),
    st.sampled_from([None, None, "its photo is missing"]),
)
FURTHER = st.tuples(
    st.sampled_from("abc"),
    st.builds(
        lambda picture, split: PhotoRow(picture, Path(f"/{picture}.jpg"), 1, 1, split),
        PICTURES,
        st.sampled_from(SPLITS),
    ),
)
REJECTED = st.integers(0, 4)
STEPS = st.lists(st.lists(ITEMS, min_size=1, max_size=3) | FURTHER | REJECTED, max_size=12)


def apply(catalogue: Catalogue, step: object) -> None:
    if isinstance(step, list):
        catalogue.upsert_items(step)
    elif isinstance(step, int):
        photos = list(catalogue.photos())
        if photos:
            catalogue.reject_photo(photos[step % len(photos)][1].key, "damaged")
    else:
        assert isinstance(step, tuple)
        key = catalogue.item_keys([step[0]]).get(step[0])
        if key is not None:
            catalogue.upsert_further(key, step[1])


def check(catalogue: Catalogue) -> None:
    for built in (0, catalogue.seq() // 2, catalogue.seq()):
        counts = catalogue.counts(built)
        assert counts.items == counts.indexed + counts.waiting + counts.rejected
    assert counts.waiting == 0
    for item in catalogue.items("ok"):
        roles = [photo.role for photo in catalogue.photos_of(item.key)]
        assert item.category
        assert "catalogue" in roles
        assert item.reason is None
    splits: dict[str, set[str]] = {}
    everything = [*catalogue.items("ok"), *catalogue.items("rejected")]
    for item in everything:
        for photo in catalogue.photos_of(item.key):
            splits.setdefault(photo.content_hash, set()).add(photo.split)
    assert all(len(known) == 1 for known in splits.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_rules_hold_after_any_steps(steps: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Catalogue.open(Path(folder) / "catalogue.db")
        try:
            for step in steps:
                before = catalogue.seq()
                apply(catalogue, step)
                check(catalogue)
                after = catalogue.seq()
                assert after >= before
                if isinstance(step, tuple):
                    apply(catalogue, step)
                    assert catalogue.seq() == after
                if isinstance(step, list) and len({row.item_id for row in step}) == len(step):
                    apply(catalogue, step)
                    assert catalogue.seq() == after
        finally:
            catalogue.close()
