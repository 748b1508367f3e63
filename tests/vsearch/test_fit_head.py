import numpy as np
import pytest

from vsearch.data import LabelledPhoto, TrainingData
from vsearch.errors import DataError
from vsearch.fit import Fitted
from vsearch.fit_head import HeadConfig, HeadData, LabelledFeatures, fit_head, head_logits
from vsearch.models.classifier import TopLayers
from vsearch.objectives import OBJECTIVES, LossOptions
from vsearch.progress import Progress, silent

SOFTMAX = OBJECTIVES["normalised-softmax"]


def features(data: TrainingData, noise: float = 0.5) -> HeadData:
    """Return features in which the first three columns name the label."""
    rng = np.random.default_rng(0)

    def of(photos: tuple[LabelledPhoto, ...]) -> LabelledFeatures:
        labels = [photo.labels[0] for photo in photos]
        clean = np.eye(3, 6)[labels][:, None] * 3 + np.array([5, 0, 0, 100, 0, 0])
        noisy = clean + rng.normal(0, noise, (len(labels), 2, 6))
        return LabelledFeatures(photos, np.asarray(noisy, np.float16))

    return HeadData(of(data.train), of(data.val), 3)


def fitted(data: HeadData, config: HeadConfig, progress: Progress = silent) -> Fitted:
    return fit_head(data, SOFTMAX, config, dim=8, seed=0, progress=progress)


QUICK = HeadConfig(steps=60, batch=16, dropout=0.1, learning_rate=0.1)


def test_the_head_learns_standardises_and_reports(colours: TrainingData) -> None:
    data = features(colours)
    stages: list[tuple[str, int, int]] = []
    outcome = fitted(data, QUICK, progress=lambda *report: stages.append(report))
    assert isinstance(outcome.network, TopLayers)
    logits = head_logits(outcome.network, data.val.values[:, 0])
    assert logits.argmax(1).tolist() == [p.labels[0] for p in colours.val]
    assert (stages[0], stages[-1]) == (("train head", 0, 60), ("train head", 60, 60))
    means = outcome.network.projection.feature_mean[...]
    np.testing.assert_allclose(means, data.train.values.mean((0, 1), np.float64), rtol=1e-3)
    assert [check["step"] for check in outcome.history] == list(range(6, 61, 6))
    assert outcome.history[0]["loss"] > outcome.history[-1]["loss"]


def test_without_val_photos_the_last_step_is_kept(colours: TrainingData) -> None:
    data = features(colours)
    alone = HeadData(data.train, LabelledFeatures((), data.val.values[:0]), 3)
    assert fitted(alone, QUICK).step == 60


def test_a_loss_that_is_not_finite_stops_training_and_names_the_step(
    colours: TrainingData,
) -> None:
    data = features(colours)
    data.train.values[:, :, 0] = np.nan
    with pytest.raises(DataError, match="not finite at step 1"):
        fitted(data, HeadConfig(steps=20))


def test_a_training_of_no_step_is_refused(colours: TrainingData) -> None:
    with pytest.raises(DataError, match="at least one step, not 0"):
        fitted(features(colours), HeadConfig(steps=0))


def test_logit_adjustment_and_smoothing_reach_the_loss(colours: TrainingData) -> None:
    data = features(colours)
    plain = fitted(data, QUICK).history[0]["loss"]
    bent = HeadData(data.train, data.val, 3, options=LossOptions(0.2, (-0.1, -3.0, -4.0)))
    assert fitted(bent, QUICK).history[0]["loss"] != plain


def test_a_feature_that_is_dark_in_training_does_not_drown_the_others(
    colours: TrainingData,
) -> None:
    """Such as a channel behind a ReLU: of a few drawn items, an eighth of all were dark."""
    data = features(colours)
    for part in (data.train, data.val):
        part.values[:, :, 3:] = 0
    network = fitted(data, QUICK).network
    assert isinstance(network, TopLayers)
    lit = data.val.values[:, 0].copy()
    lit[:, 3:] = 0.005  # others spread over more than 1
    assert head_logits(network, lit).argmax(1).tolist() == [p.labels[0] for p in data.val.photos]
