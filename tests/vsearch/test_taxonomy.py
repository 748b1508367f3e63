import numpy as np
import pytest

from vsearch.errors import CategoryError
from vsearch.taxonomy import Taxonomy, format_path, is_within, parse_path, roll_up

TREE = Taxonomy.of(
    [("Fruit", "Apple"), ("Fruit", "Pear"), ("Garden", "Apple"), ("Home", "Coats/Jackets")]
)


def test_a_path_survives_writing_and_reading() -> None:
    assert parse_path(" Fruit >  Red   apple > ") == ("Fruit", "Red apple")
    assert parse_path(format_path(("Fruit", "Apple"))) == ("Fruit", "Apple")
    assert parse_path(" > ") == ()


def test_the_tree_holds_all_ancestors_once() -> None:
    assert TREE.children() == [("Fruit",), ("Garden",), ("Home",)]
    assert TREE.subtree(("Fruit",)) == [("Fruit",), ("Fruit", "Apple"), ("Fruit", "Pear")]


def test_a_sibling_whose_name_starts_alike_is_not_within() -> None:
    assert not is_within(("Fruits", "Apple"), ("Fruit",))
    assert is_within(("Fruit",), ("Fruit",))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Fruit > Apple", ("Fruit", "Apple")),
        ("fruit/apple", ("Fruit", "Apple")),
        ("pear", ("Fruit", "Pear")),
        ("Home > Coats/Jackets", ("Home", "Coats/Jackets")),
        ("coats/jackets", ("Home", "Coats/Jackets")),
    ],
)
def test_a_category_is_found_as_people_write_it(text: str, path: tuple[str, ...]) -> None:
    assert TREE.find(text) == path


def test_an_ambiguous_name_lists_the_choices() -> None:
    with pytest.raises(CategoryError, match="“Fruit > Apple”, “Garden > Apple”"):
        TREE.find("Apple")


def test_an_unknown_name_suggests() -> None:
    with pytest.raises(CategoryError, match="did you mean “Fruit > Pear”"):
        TREE.find("Pears")
    with pytest.raises(CategoryError, match="the top level has “Fruit”, “Garden”, “Home”"):
        TREE.find("Umbrella")


def test_probabilities_add_up_at_every_level() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), size=5).astype(np.float32)
    paths = [("Fruit", "Apple"), ("Fruit", "Pear"), ("Garden", "Apple"), ("Fruit", "Apple")]
    levels = roll_up(probabilities, paths)
    np.testing.assert_allclose(levels["Fruit", "Apple"], probabilities[:, [0, 3]].sum(1), rtol=1e-6)
    np.testing.assert_allclose(
        levels["Fruit",], levels["Fruit", "Apple"] + levels["Fruit", "Pear"], rtol=1e-6
    )
    np.testing.assert_allclose(levels["Fruit",] + levels["Garden",], 1.0, rtol=1e-5)
