"""What happens to a shop, as Hypothesis draws it: few items and photos, so that things meet."""

from hypothesis import strategies as st

from indexer.shop import Views
from tests.indexer.plain_shop import NETWORKS, PATHS, WHERE, Asked, Told

SEEDS = range(12)  # few, so that items share photos and scores are equal
WHO = st.integers(0, 1)
ITEM = st.sampled_from([f"item-{n}" for n in range(8)])
SEED = st.sampled_from(SEEDS)
PATH = st.sampled_from(PATHS)
PHOTOS = st.lists(SEED, min_size=1, max_size=3, unique=True).map(tuple)
TOLD = st.builds(
    Told,
    category=PATH,
    further_paths=st.lists(PATH, max_size=1).map(tuple),
    colour=st.sampled_from([None, "red", "green"]),
    price=st.integers(0, 9),
    photos=PHOTOS,
)
NETWORK = st.sampled_from(sorted(NETWORKS))
VIEWS: st.SearchStrategy[Views] = st.sampled_from(["catalogue", "catalogue", "all"])
ASKED = st.builds(
    Asked,
    seed=SEED,
    categories=st.lists(PATH, max_size=2).map(tuple),
    where=st.sampled_from(list(WHERE)),
    min_score=st.sampled_from([-1.0, 0.2]),
    top_k=st.integers(1, 9),
)
