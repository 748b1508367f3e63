"""The assortment: which products the generated shop sells, and the text about each."""

from dataclasses import dataclass, replace

import numpy as np

from api.demo.design import Category, Design
from api.demo.palette import COLOURS, Colour, distance
from api.demo.patterns import word
from api.demo.products import CATEGORIES

BRANDS = (
    "Norrvik",
    "Casa Lumo",
    "Fernhill",
    "Oddwell",
    "Tilda & Co",
    "Brightside",
    "Maren",
    "Halden",
)
_CONTRAST = 0.34  # least distance of a pattern's colour from its ground


@dataclass(frozen=True)
class Product:
    """One item of the generated shop: its design and the row of the catalogue."""

    item_id: str
    category: Category
    design: Design
    title: str
    price: str
    brand: str
    group_id: str
    in_stock: bool


def assortment(items: int, seed: int) -> list[Product]:
    """Return the shop's products, spread evenly over the categories.

    No two products of a category share colour and pattern; every sixth model comes in two or
    three colours that share a `group_id`.
    """
    counts = [items // len(CATEGORIES)] * len(CATEGORIES)
    for extra in range(items % len(CATEGORIES)):
        counts[extra] += 1
    products = []
    for number, (category, count) in enumerate(zip(CATEGORIES, counts, strict=True)):
        rng = np.random.default_rng([seed, 1, number])
        products += _range_of(category, count, rng)
    return products


def _range_of(category: Category, count: int, rng: np.random.Generator) -> list[Product]:
    taken: set[tuple[str, str]] = set()
    products: list[Product] = []
    patterns = [str(name) for name in rng.permutation(category.patterns)]
    shapes = [str(name) for name in rng.permutation(list(category.shapes))]
    model = 0
    while len(products) < count:
        design = _design(
            category,
            patterns[model % len(patterns)],
            shapes[(model + model // len(shapes)) % len(shapes)],
            taken,
            rng,
        )
        variants = [design]
        if model % 6 == 2:
            variants += _recoloured(category, design, int(rng.integers(1, 3)), taken, rng)
        known = {product.title for product in products}
        variants = [v for v in variants if title(category, v) not in known]
        brand = BRANDS[int(rng.integers(len(BRANDS)))]
        price = _price(category, rng)
        for variant in variants[: count - len(products)]:
            number = len(products) + 1
            group = f"{category.code}-M{model + 1:02d}" if len(variants) > 1 else ""
            products.append(
                Product(
                    f"{category.code}-{number:03d}",
                    category,
                    variant,
                    title(category, variant),
                    price,
                    brand,
                    group,
                    bool(rng.random() < 0.92),
                )
            )
        model += 1
    return products


def _design(
    category: Category,
    pattern: str,
    shape: str,
    taken: set[tuple[str, str]],
    rng: np.random.Generator,
) -> Design:
    colour = _free_colour(pattern, taken, rng)
    material = str(rng.choice(category.materials))
    knobs = rng.random(4)
    accent, trim = _matching(colour, rng)
    proportions = float(knobs[0]), float(knobs[1]), float(knobs[2]), float(knobs[3])
    coarse, own_seed = bool(rng.integers(2)), int(rng.integers(1 << 30))
    design = Design(shape, colour, accent, trim, material, pattern, coarse, proportions, own_seed)
    return design if category.settle is None else category.settle(design)


def _free_colour(pattern: str, taken: set[tuple[str, str]], rng: np.random.Generator) -> Colour:
    names = [str(name) for name in rng.permutation(list(COLOURS))]
    free = [name for name in names if (name, pattern) not in taken] or names
    # Colours that a warm lamp could turn into one another never share a pattern.
    used = [COLOURS[name] for name, other in taken if other == pattern]
    apart = [name for name in free if all(distance(COLOURS[name], other) > 0.2 for other in used)]
    chosen = (apart or free)[0]
    taken.add((chosen, pattern))
    return COLOURS[chosen]


def _matching(colour: Colour, rng: np.random.Generator) -> tuple[Colour, Colour]:
    names = [str(name) for name in rng.permutation(list(COLOURS))]
    accent = next(COLOURS[n] for n in names if distance(COLOURS[n], colour) > _CONTRAST)
    rest = [
        COLOURS[n]
        for n in names
        if distance(COLOURS[n], colour) > 0.25 and distance(COLOURS[n], accent) > 0.2
    ]
    return accent, rest[0] if rest else accent


def _recoloured(
    category: Category,
    design: Design,
    more: int,
    taken: set[tuple[str, str]],
    rng: np.random.Generator,
) -> list[Design]:
    result = []
    for _ in range(more):
        colour = _free_colour(design.pattern, taken, rng)
        accent, trim = _matching(colour, rng)
        changed = replace(design, colour=colour, accent=accent, trim=trim)
        result.append(changed if category.settle is None else category.settle(changed))
    return result


def title(category: Category, design: Design) -> str:
    """Return the title: what is seen, in a shop's words, such as `Striped mug, teal and cream`."""
    if category.describe is not None:
        return category.describe(design)
    noun = category.shapes[design.shape]
    words = [word(design.pattern), "" if design.material in noun else design.material, noun]
    text = " ".join(part for part in words if part)
    second = "" if design.pattern == "plain" else f" and {design.accent.name}"
    return f"{text[0].upper()}{text[1:]}, {design.colour.name}{second}"


def _price(category: Category, rng: np.random.Generator) -> str:
    low, high = category.prices
    value = low * (high / low) ** float(rng.random())
    return f"{max(round(value) - 0.1, low):.2f} EUR"
