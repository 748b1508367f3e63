"""The judge that a build makes: of which photos, when it is made anew, and what it asks."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import judging
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.training_data import training_data
from indexer.unknown import UNKNOWN_FROM, Evidence, UnknownJudge, confidence_of
from indexer.version_files import UNKNOWN
from indexer.versions import rollback
from tests.indexer.judged_shop import (
    APPLE,
    ITEMS,
    LABELS,
    MILK,
    VAL,
    built,
    judge_of,
    kept,
    make_judged_shop,
    network,
    version_of,
)
from tests.indexer.tiny_shop import (
    OWN_OR_FOREIGN,
    SEVERAL,
    TinyEmbedder,
    TinyKind,
    TinyPredictions,
    add_further,
    item_row,
    make_shop,
    painted,
)
from vsearch.images import load

ASKED = range(500, 540)  # photos that nobody has seen


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_judged_shop(tmp_path) as shop:
        yield shop


def predicted(photos: Sequence[bytes], embedder: TinyEmbedder) -> TinyPredictions:
    return embedder(np.stack([load(photo, TinyEmbedder.spec) for photo in photos]))


def evidence_of(
    predictions: TinyPredictions, nearest: Sequence[NDArray[np.float32]], *, exclusive: bool = True
) -> Evidence:
    """Put evidence together, given the similarities of all views that count for each photo."""
    five = np.stack([np.sort(scores)[::-1][:5] for scores in nearest])
    sure = confidence_of(predictions, exclusive=exclusive)
    return Evidence.of(sure, predictions.familiarity, five.astype(np.float32))


def assert_same(found: UnknownJudge, expected: UnknownJudge | None) -> None:
    assert expected is not None
    assert (found.val_photos, found.false_rejects) == (expected.val_photos, expected.false_rejects)
    assert found.model_fingerprint == expected.model_fingerprint
    assert found.means == pytest.approx(expected.means, rel=1e-5)
    assert found.spreads == pytest.approx(expected.spreads, rel=1e-5)
    assert found.threshold == pytest.approx(expected.threshold, rel=1e-5)


@pytest.mark.parametrize("objective", [TinyKind(), SEVERAL])
def test_it_is_made_of_the_val_photos_and_their_nearest_views(
    shop: Shop, objective: TinyKind
) -> None:
    embedder = network("b" * 16, objective)
    built(shop, embedder, false_rejects=0.2)
    val = predicted([painted(seed) for seed in VAL], embedder)
    views = predicted(
        [painted(seed) for _, seeds in ITEMS.values() for seed in seeds], embedder
    ).embeddings
    evidence = evidence_of(val, [views @ e for e in val.embeddings], exclusive=objective.exclusive)
    assert_same(judge_of(shop), UnknownJudge.fitted(evidence, "b" * 16, 0.2))


def test_search_and_classes_tell_how_foreign_a_photo_looks(shop: Shop) -> None:
    searcher = Searcher.open(shop, embedder=network())
    asked = [painted(seed) for seed in ASKED]
    told = predicted(asked, network())
    views = searcher.version.vectors
    expected = judge_of(shop).scores(evidence_of(told, [views @ e for e in told.embeddings]))
    scores = searcher.foreign(told)
    assert scores is not None
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert 0 < np.mean(scores >= UNKNOWN_FROM) < 1
    for i in (int(scores.argmin()), int(scores.argmax())):
        for shown in (searcher.search(asked[i]), searcher.classify(asked[i])):
            assert shown.unknown_score == pytest.approx(float(scores[i]), rel=1e-4)
            assert shown.unknown is bool(scores[i] >= UNKNOWN_FROM)
    assert [shown.unknown_score for shown in searcher.classes(told)] == scores.tolist()


def test_a_judge_made_for_another_model_is_not_asked(shop: Shop) -> None:
    other = Searcher.open(shop, embedder=network("b" * 16))
    assert other.foreign(predicted([painted(500)], network())) is None
    shown = other.search(painted(500))
    assert (shown.unknown, shown.unknown_score) == (None, None)


def test_a_model_that_turns_photos_away_judges_by_itself(shop: Shop) -> None:
    embedder = network("b" * 16, OWN_OR_FOREIGN)
    report = built(shop, embedder)
    assert embedder.photos == 0  # nor is it asked about val photos
    assert (report.embedded, version_of(shop).judge) == (0, None)
    told = predicted([painted(500)], embedder)
    shown = Searcher.open(shop, embedder=embedder).classify(painted(500))
    assert told.foreign is not None
    assert shown.unknown_score == pytest.approx(float(told.foreign[0]))


def test_nothing_is_made_anew_or_asked_where_nothing_has_changed(shop: Shop) -> None:
    embedder = network()
    assert not built(shop, embedder).published
    assert embedder.photos == 0


def test_new_val_photos_another_setting_and_another_model_make_it_anew(shop: Shop) -> None:
    first = judge_of(shop)
    add_further(shop, "item-0", 131, "val")
    embedder = network()
    report = built(shop, embedder)
    assert (report.published, report.embedded) == (True, 0)
    assert embedder.photos == 1  # what the network said of the others is kept
    second = judge_of(shop)
    assert (first.val_photos, second.val_photos) == (30, 31)

    embedder = network()
    report = built(shop, embedder, false_rejects=0.5)
    assert (report.published, report.embedded, embedder.photos) == (True, 0, 0)
    third = judge_of(shop)
    assert third.threshold < second.threshold
    assert (third.false_rejects, shop.settings.false_rejects) == (0.5, 0.5)
    assert "false_rejects = 0.5" in (shop.path / "shop.toml").read_text()
    assert not built(shop).published  # the setting stays

    embedder = network("b" * 16)
    report = built(shop, embedder)
    assert (report.published, report.embedded, embedder.photos) == (True, 0, 31)
    assert judge_of(shop).model_fingerprint == "b" * 16


def test_new_views_move_the_nearest_ones(shop: Shop) -> None:
    before = judge_of(shop)
    for seed in range(300, 330):
        add_further(shop, "item-0", seed, "train")
    embedder = network()
    assert built(shop, embedder, views="all").embedded == embedder.photos == 30
    after = judge_of(shop)
    assert after.means["nearness"] > before.means["nearness"]
    assert after.means["confidence"] == before.means["confidence"]


def test_an_older_version_comes_back_with_its_judge(shop: Shop) -> None:
    (shop.models / ("a" * 16)).mkdir(parents=True)
    first = judge_of(shop)
    built(shop, false_rejects=0.3)
    assert judge_of(shop) != first
    rollback(shop)
    assert judge_of(shop) == first
    assert built(shop).published  # for the setting is still another


def test_val_photos_that_cannot_be_read_are_left_out(shop: Shop) -> None:
    source = shop.path.parent / "source"
    (source / "100.png").unlink()
    (source / "101.png").write_bytes(painted(999))
    embedder = network("b" * 16)
    calls: list[tuple[str, int, int]] = []
    built(shop, embedder, progress=lambda *call: calls.append(call))
    assert embedder.photos == judge_of(shop).val_photos == 28
    assert [call for call in calls if call[0] == "judge"][-1] == ("judge", 30, 30)
    assert sum(name == "judge" for name, _, _ in calls) > 1


def test_few_val_photos_make_no_judge_and_are_not_asked_about(tmp_path: Path) -> None:
    with make_shop(tmp_path, ITEMS) as shop:
        for seed in VAL[:19]:
            add_further(shop, "item-0", seed, "val")
        embedder = network()
        built(shop, embedder)
        assert embedder.photos == 12
        version = version_of(shop)
        assert version.judge is None
        assert (version.folder / UNKNOWN).read_text() == "null\n"
        assert Searcher.open(shop, embedder=network()).search(painted(500)).unknown is None
        add_further(shop, "item-0", VAL[19], "val")
        built(shop)
        assert judge_of(shop).val_photos == 20
        built(shop, false_rejects=0.01)  # for which a hundred photos would not be too many
        assert version_of(shop).judge is None


def test_of_many_val_photos_the_same_ones_are_asked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST", 22)
    (shop.cache / kept(shop).name).unlink()
    embedder = network()
    built(shop, embedder, false_rejects=0.1)
    first = judge_of(shop)
    assert embedder.photos == first.val_photos == 22
    for seed in range(140, 150):
        add_further(shop, "item-0", seed, "val")
    hashes = sorted(photo.content_hash for _, photo in shop.catalogue.photos(splits=("val",)))[:22]
    embedder = network()
    built(shop, embedder)
    new = {hashlib.sha256(painted(seed)).hexdigest() for seed in range(140, 150)}
    assert embedder.photos == len(new & set(hashes)) > 0


def test_without_val_photos_the_held_out_ones_judge_and_their_own_rows_do_not(
    tmp_path: Path,
) -> None:
    items = {f"item-{i}": ((APPLE, MILK)[i % 2], range(40 * i, 40 * i + 40)) for i in range(8)}
    with make_shop(tmp_path, items) as shop:
        folder = tmp_path / "source"
        shop.catalogue.upsert_items([item_row(folder, "twin", APPLE, range(20))])  # shares photos
        built(shop)
        held = sorted(photo.content_hash for photo in training_data(shop, ("category",)).val)
        version, judge = version_of(shop), judge_of(shop)
        assert judge.val_photos == len(held) > 20
        assert set(held) <= version.hashes()
        by_hash = {hashlib.sha256(painted(seed)).hexdigest(): seed for seed in range(320)}
        told = predicted([painted(by_hash[content]) for content in held], network())
        rows = [row.tobytes().hex() for row in version.photo_hashes]
        others = [
            (version.vectors @ embedding)[[row != content for row in rows]]
            for embedding, content in zip(told.embeddings, held, strict=True)
        ]
        assert_same(judge, UnknownJudge.fitted(evidence_of(told, others), "a" * 16, 0.05))
        with_own = evidence_of(told, [version.vectors @ e for e in told.embeddings])
        assert with_own.nearness.mean() > judge.means["nearness"] + 0.05


def test_a_shop_with_nothing_left_that_has_the_label_is_built_without_a_judge(
    tmp_path: Path,
) -> None:
    with make_shop(tmp_path, ITEMS) as shop:
        built(shop, TinyEmbedder(LABELS, label_columns=("colour",)))
        assert version_of(shop).judge is None
