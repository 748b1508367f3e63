import json
from pathlib import Path

import pytest

from vsearch.errors import WeightsError
from vsearch.images import ImageSpec
from vsearch.timm_config import image_of_config

USUAL = ImageSpec(scale=0.875)
LITE2 = {  # as huggingface.co/timm/tf_efficientnet_lite2.in1k has it, less what is not read
    "architecture": "tf_efficientnet_lite2",
    "num_classes": 1000,
    "pretrained_cfg": {
        "input_size": [3, 260, 260],
        "interpolation": "bicubic",
        "crop_pct": 0.89,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    },
}


def config(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_the_pixels_of_a_config_are_understood(tmp_path: Path) -> None:
    path = config(tmp_path / "config.json", LITE2)
    expected = ImageSpec(size=260, scale=0.89, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert image_of_config(path, "efficientnet-lite2", USUAL) == expected
    assert image_of_config(path, "efficientnet-lite2", expected) is None


def test_the_older_form_without_a_level_is_understood(tmp_path: Path) -> None:
    older = {"architecture": "resnet50", "crop_pct": 0.95, "interpolation": "bilinear"}
    path = config(tmp_path / "config.json", older)
    expected = ImageSpec(scale=0.95, interpolation="bilinear")
    assert image_of_config(path, "resnet-50", USUAL) == expected


@pytest.mark.parametrize(
    "content", [{}, {"architectures": ["Other"], "model_type": "other"}, {"interpolation": "odd"}]
)
def test_a_config_that_says_nothing_changes_nothing(tmp_path: Path, content: object) -> None:
    assert image_of_config(config(tmp_path / "config.json", content), "resnet-18", USUAL) is None


def test_a_missing_config_changes_nothing(tmp_path: Path) -> None:
    assert image_of_config(tmp_path / "config.json", "resnet-18", USUAL) is None


@pytest.mark.parametrize(
    ("architecture", "backbone"),
    [
        ("efficientnet_lite0", "efficientnet-lite0"),  # pads as PyTorch does
        ("resnetblur50", "resnet-50"),
        ("resnet50", "resnet-18"),
    ],
)
def test_a_relative_with_the_same_leaves_is_refused(
    tmp_path: Path, architecture: str, backbone: str
) -> None:
    path = config(tmp_path / "config.json", {"architecture": architecture})
    with pytest.raises(WeightsError, match=rf"config\.json: the weights are of {architecture};"):
        image_of_config(path, backbone, USUAL)


@pytest.mark.parametrize(
    "values",
    [
        {"input_size": [3, 224, 256]},
        {"input_size": 224},
        {"input_size": [3, 7, 7]},
        {"mean": [0.5]},
        {"mean": "grey"},
        {"std": [0, 0, 0]},
        {"crop_pct": 7},
    ],
)
def test_values_that_cannot_be_used_are_refused(tmp_path: Path, values: object) -> None:
    path = config(tmp_path / "config.json", {"pretrained_cfg": values})
    with pytest.raises(WeightsError, match=r"config\.json says .* cannot be used"):
        image_of_config(path, "resnet-18", USUAL)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pretrained_cfg": 7}'])
def test_a_config_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json"):
        image_of_config(path, "resnet-18", USUAL)
