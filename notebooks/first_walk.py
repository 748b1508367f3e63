# %% [markdown]
# # A shop that is searched by photo
#
# This notebook goes the way of `vsearch demo`, step by step and on a smaller shop: make a shop,
# import its catalogue, train, build an index, measure, and search with a customer's photo. It
# needs no download and takes about a minute on two CPU cores. Everything happens in a temporary
# folder, which the last cell deletes; run it twice and you see the same pictures and figures.
#
# Five words are used strictly:
#
# * An **item** is what the shop sells. It lies in one **category**, such as `Home > Mugs`.
# * A **photo** shows one item. *Catalogue photos* are the shop's own and public; *further
#   photos*, here those of customers, help to train and are never shown to shoppers.
# * A **label** is a class that the model tells apart. Here every item is one.
# * An **embedding** is the list of 256 numbers that the model makes of a photo. Photos of
#   similar things get similar numbers.
# * A **score** is the cosine similarity of two embeddings: 1 is the same, higher is better.

# %%
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from api.demo import generate, thumbnail_baseline
from api.loading import open_warm
from api.sheet import contact_sheet
from indexer.build import build
from indexer.evaluate import evaluate
from indexer.importing import import_manifest
from indexer.manifest import read_queries
from indexer.shop import Shop
from indexer.training import train_shop
from vsearch import images
from vsearch.fit_head import HeadConfig
from vsearch.images import ImageSpec
from vsearch.taxonomy import format_path
from vsearch.train import TrainConfig

ACCENT, PALE, INK, MUTED, LINE = "#0b6e63", "#9cc9c1", "#22201c", "#767067", "#dedbd4"
plt.rcParams.update(
    {
        "figure.dpi": 110,
        "font.size": 9,
        "text.color": INK,
        "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlesize": 10,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "legend.frameon": False,
    }
)
THUMBNAIL = ImageSpec(size=200, fit="pad")


def show_photos(paths: Iterable[Path], captions: Sequence[str], columns: int = 8) -> None:
    """Draw photos in rows, each with its caption."""
    rows = max(1, -(-len(captions) // columns))
    size = (1.35 * columns, 1.6 * rows)
    _, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, path, caption in zip(axes.flat, paths, captions, strict=False):
        axis.imshow(images.load(images.read_photo(path), THUMBNAIL))
        axis.set_title(caption, fontsize=8, fontweight="normal", loc="center")
    plt.show()


# %% [markdown]
# ## 1. A shop to work with
#
# `generate` draws 96 products in 16 categories: a catalogue photo of each, and photos as customers
# would take them, from other sides, in other light, on other backgrounds. It writes three CSV
# files beside the photos. A real shop has such files already: a Google Merchant or Shopify export
# will do.
#
# * `catalogue.csv`: the items, each with its catalogue photo
# * `photos.csv`: further photos, each in split `train` (to learn from) or `val` (to choose with)
# * `queries.csv`: photos that are held out (split `test`): the model never sees them before we ask

# %%
temporary = TemporaryDirectory(prefix="vsearch-first-walk-")
folder = Path(temporary.name)
drawn = generate(folder / "generated", items=96, seed=1)

for manifest in (drawn.catalogue, drawn.photos, drawn.queries):
    header, first, *rest = manifest.read_text(encoding="utf-8").splitlines()
    print(f"{manifest.name}, {len(rest) + 1} rows\n  {header}\n  {first}\n")

# %% [markdown]
# ## 2. Import
#
# A shop is one folder. `import_manifest` reads the files, checks every photo and writes items and
# photos into the shop's catalogue. What cannot be used is rejected with row and reason, and the
# rest goes on. Importing the same files again changes nothing.

# %%
shop = Shop.create(folder / "shop", name="First walk")
imported = import_manifest(shop, drawn.catalogue, photos=[drawn.photos])
print(
    f"{imported.added} items and {imported.photos_added} photos added, {imported.rejected} rejected"
)

# %% [markdown]
# One catalogue photo of every category:

# %%
catalogue_photos = list(shop.catalogue.photos(role="catalogue"))
by_category = {item.category: photo.path for item, photo in catalogue_photos}
show_photos(by_category.values(), [path[-1] for path in by_category])

# %% [markdown]
# All photos of one item. The first is the shop's own, the others are customers'. That gap is what
# the model has to learn to bridge. The last photo is held out: the shop does not have it.

# %%
queries, _ = read_queries(shop, drawn.queries)
one = shop.catalogue.get("TED-004")
photos = {
    photo.path: "catalogue" if photo.role == "catalogue" else f"customer, {photo.split}"
    for photo in shop.catalogue.photos_of(one.key)
}
photos |= {query.path: "held out" for query in queries if query.item_id == one.item_id}
print(f"{one.item_id}: {one.title} ({format_path(one.category)})")
show_photos(photos, list(photos.values()), columns=len(photos))

# %% [markdown]
# ## 3. Train
#
# The model is EfficientNet-Lite0, a small network that has learned from millions of photos what
# shapes and textures look like. It stays as it is; only a head is trained on top of it, which is
# why seconds are enough. The head learns to tell the items apart (`labels=("item_id",)`), and
# what it computes just before that decision is the embedding.
#
# Photos of split `val` choose the best moment of the training and make its probabilities honest.
# The seed is fixed. To save time each photo is seen in two cut-outs (the default is 4) and the
# head takes 600 steps (the default is 2,000).

# %%
config = TrainConfig(trained="head", renderings=2, seed=0, head=HeadConfig(steps=600))
trained = train_shop(shop, config, labels=("item_id",))
val = trained.metrics
print(f"model {trained.model}: {trained.labels} labels")
print(f"on val: top-1 {val['val_top1']:.3f}, top-5 {val['val_top5']:.3f}")

# %%
photo_counts = {
    "catalogue (train)": len(catalogue_photos),
    "customers' (train)": trained.train_photos - len(catalogue_photos),
    "customers' (val)": trained.val_photos,
    "held out (test)": len(queries),
}
val_figures = {
    "guessing": 1 / trained.labels,
    "top-1": val["val_top1"],
    "top-5": val["val_top5"],
}
_, (left, right) = plt.subplots(1, 2, figsize=(9.5, 2.3), layout="constrained")
bars = left.barh(
    list(photo_counts), list(photo_counts.values()), color=[ACCENT, ACCENT, PALE, LINE]
)
left.bar_label(bars, padding=4)
left.set_title("Photos by what they are for")
bars = right.barh(list(val_figures), list(val_figures.values()), color=[LINE, ACCENT, PALE])
right.bar_label(bars, fmt="{:.0%}", padding=4)
right.set_xlim(0, 1)
right.set_title("The right item of 96, on val photos")
for axis in (left, right):
    axis.invert_yaxis()
    axis.xaxis.set_visible(False)
    axis.spines["bottom"].set_visible(False)
    axis.tick_params(length=0)
    axis.margins(x=0.12)
plt.show()

# %% [markdown]
# ## 4. Build
#
# `build` embeds the catalogue photos, writes an index of them, checks it, and puts model and
# index into service together. Each row of the index is a *view*: one photo of one item. A second
# build finds nothing new and embeds nothing; after a change it embeds just what changed.

# %%
built = build(shop, views="catalogue")
again = build(shop)
print(f"{built.embedded} photos embedded, {built.indexed} items can be found in {built.rows} views")
print(f"the second build embedded {again.embedded}")

# %% [markdown]
# ## 5. Measure
#
# `evaluate` searches with every held-out photo, exactly as a shopper would, and compares with what
# `queries.csv` says. It refuses photos that are in the index or were trained on, so the figures
# are honest. Recall@k is the share of photos whose own item is among the first k items found.
#
# For comparison: how far would we get without any network, by comparing 12 × 12 thumbnails?

# %%
report = evaluate(shop, drawn.queries)
figures = report.figures
thumbnails = thumbnail_baseline(drawn, views="catalogue")
print(f"{report.queries} held-out photos asked, {report.refused} refused")
print(f"label:    top-1 {figures.labels.top1:.3f}, top-5 {figures.labels.top5:.3f}")
print(f"category: top-1 {figures.labels.category_top1:.3f}")

recalls = {"12 × 12 thumbnails, recall@1": thumbnails} | {
    f"vsearch, recall@{k}": share for k, share in figures.recall_at.items()
}
_, axis = plt.subplots(figsize=(7, 2), layout="constrained")
bars = axis.barh(list(recalls), list(recalls.values()), color=[LINE, ACCENT, PALE, PALE])
axis.bar_label(bars, fmt="{:.0%}", padding=4)
axis.set_xlim(0, 1.08)
axis.set_title("A customer's photo finds its own item")
axis.invert_yaxis()
axis.xaxis.set_visible(False)
axis.spines["bottom"].set_visible(False)
axis.tick_params(length=0)
plt.show()

# %% [markdown]
# ## 6. Where it is right and where it is not
#
# `Searcher` is what answers shoppers. One pass through the network gives embedding and
# probabilities together. We ask it once with all held-out photos and look at the answers.

# %%
searcher = open_warm(shop)
spec = searcher.embedder.spec
pixels = np.stack([images.load(images.read_photo(query.path), spec) for query in queries])
predictions = searcher.embedder(pixels)
hits = searcher.items.hits(predictions.embeddings, top_k=5)

found = np.array(
    [
        [hit.item.item_id == query.item_id for hit in own]
        for query, own in zip(queries, hits, strict=True)
    ]
)
query_category = np.array([query.category[-1] for query in queries])
names = sorted(set(query_category))
first = [found[query_category == name, 0].mean() for name in names]
among_five = [found[query_category == name].any(axis=1).mean() for name in names]

_, axis = plt.subplots(figsize=(9.5, 3), layout="constrained")
axis.bar(names, among_five, color=PALE, label="among the first 5")
axis.bar(names, first, color=ACCENT, label="first")
axis.set_ylim(0, 1.02)
axis.yaxis.set_major_formatter("{x:.0%}")
axis.grid(axis="y")
axis.tick_params(length=0)
plt.setp(axis.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
axis.set_title("The photo's own item is found, by category", pad=24)
axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0)
plt.show()

# %% [markdown]
# The photos whose own item does not come first, each above the item that does. What photo and item
# have in common, such as shape, colours or pattern, tells what the model goes by.

# %%
missed = np.flatnonzero(~found[:, 0])[:8]
wrong = [shop.catalogue.photos_by_key([hits[i][0].photo_key]) for i in missed]
show_photos(
    [queries[i].path for i in missed] + [photo.path for own in wrong for photo in own.values()],
    [queries[i].item_id for i in missed] + [f"found {hits[i][0].item.item_id}" for i in missed],
    columns=max(len(missed), 1),
)

# %% [markdown]
# ## 7. Can its probabilities be trusted?
#
# When the model says "80 %" it should be right in 80 of 100 cases: then a shop can decide from
# which probability on it fills in a category by itself. On the left, each point gathers photos
# with a similar probability of the best label; the nearer to the diagonal, the more honest. The
# calibration error is the mean distance from it; with few photos the points scatter. On the
# right: where the model is wrong, is it at least less sure?

# %%
labels = searcher.embedder.bundle.labels
confidence = predictions.probabilities.max(axis=1)
best = predictions.probabilities.argmax(axis=1)
is_right = np.array(
    [labels[column].name == query.item_id for column, query in zip(best, queries, strict=True)]
)
bins = np.minimum((confidence * 5).astype(int), 4)
_, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
left.plot([0, 1], [0, 1], color=LINE, zorder=1)
for number in np.unique(bins):
    own = bins == number
    point = confidence[own].mean(), is_right[own].mean()
    left.scatter(*point, s=25 + 3 * own.sum(), color=ACCENT, linewidths=0, zorder=2)
    left.annotate(f"{own.sum()}", point, (0, -18), textcoords="offset points", ha="center")
left.set(xlim=(0, 1.08), ylim=(0, 1.1), aspect="equal")
left.set(xlabel="probability of the best label", ylabel="share that is right")
left.yaxis.set_major_formatter("{x:.0%}")
left.set_title(f"Calibration error {figures.labels.ece:.3f} (numbers: photos)")
right.hist(
    [confidence[~is_right], confidence[is_right]],
    bins=np.linspace(0, 1, 21),
    stacked=True,
    color=["#c8553d", PALE],
    label=["wrong", "right"],
)
right.set(xlim=(0, 1), xlabel="probability of the best label", ylabel="photos")
right.set_title("How sure it is")
right.legend(loc="upper left")
for axis in (left, right):
    axis.xaxis.set_major_formatter("{x:.0%}")
plt.show()

# %% [markdown]
# ## 8. A map of the shop
#
# An embedding has 256 numbers, a map has two. A principal component analysis of the categories'
# centres finds the two directions in which categories differ most. Dots are catalogue photos,
# rings are customers' photos that the model has never seen, each with a line to its own item.
# Training only said which photos show the same item, not what a mug is, and yet categories gather.
# Much is lost on the way from 256 numbers to two: search uses them all.

# %%
vectors = np.asarray(searcher.version.vectors)
items = shop.catalogue.get_many(searcher.version.item_keys.tolist())
row_items = [items[key] for key in searcher.version.item_keys.tolist()]
row_category = np.array([item.category[-1] for item in row_items])
row_of = {item.item_id: row for row, item in enumerate(row_items)}
own_row = np.array([row_of[query.item_id] for query in queries])

centre = vectors.mean(axis=0)
centres = np.stack([vectors[row_category == name].mean(axis=0) for name in names])
_, _, directions = np.linalg.svd(centres - centre, full_matrices=False)
plane = directions[:2].T
# A direction may as well point the other way: let its largest part be positive.
plane = plane * np.sign(plane[np.abs(plane).argmax(axis=0), range(2)])
catalogue_map = (vectors - centre) @ plane
query_map = (predictions.embeddings - centre) @ plane

_, axis = plt.subplots(figsize=(9.5, 6.8), layout="constrained")
for name, colour in zip(names, plt.colormaps["tab20"].colors, strict=False):
    dots, rings = catalogue_map[row_category == name], query_map[query_category == name]
    lines = np.stack([rings, catalogue_map[own_row[query_category == name]]])
    axis.plot(lines[..., 0], lines[..., 1], color=colour, linewidth=0.8, alpha=0.6, zorder=1)
    axis.scatter(*rings.T, s=30, color="white", edgecolors=[colour], linewidths=1.2, zorder=2)
    axis.scatter(*dots.T, s=48, color=[colour], linewidths=0, label=name, zorder=3)
axis.set(xticks=[], yticks=[], aspect="equal")
axis.spines[:].set_visible(False)
axis.set_title("Catalogue photos (dots) and customers' photos (rings)")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), labelspacing=0.9)
plt.show()

# %% [markdown]
# ## 9. Search with one photo
#
# Now one customer's photo that the model has never seen. The answer holds the predicted
# categories with their probabilities, and the items that look most like the photo, best first,
# with their scores. `vsearch search SHOP PHOTO --sheet sheet.png` draws the same picture.

# %%
query = queries[len(queries) // 2]
data = images.read_photo(query.path)
result = searcher.search(data, top_k=10)
print(f"The photo shows {query.item_id}, {shop.catalogue.get(query.item_id).title}.")
for rank, hit in enumerate(result.hits[:3], start=1):
    print(f"{rank}. {hit.item.item_id}  {hit.score:.3f}  {hit.item.title}")
contact_sheet(shop, data, result)

# %% [markdown]
# A shopper who has chosen a category sees nothing else. The filter is exact: all ten come from
# there, however unlike the photo they are.

# %%
fashion = searcher.search(data, top_k=10, categories=[("Fashion",)])
print(sorted({format_path(hit.item.category) for hit in fashion.hits}))

# %% [markdown]
# ## With your own catalogue
#
# The same steps from a terminal, on your own files:
#
# ```
# vsearch init my-shop
# vsearch import my-shop catalogue.csv --photos photos.csv
# vsearch train my-shop --label item_id
# vsearch build my-shop
# vsearch evaluate my-shop queries.csv
# vsearch search my-shop photo.jpg --sheet sheet.png
# vsearch serve my-shop
# ```
#
# A shop with one photo per item and thousands of items trains on its categories instead (leave
# `--label` out). The last cell clears up.

# %%
shop.close()
temporary.cleanup()
