"""All categories of the generated shop, in the order in which its items are numbered."""

from api.demo.products.accessories import CAPS, WATCHES
from api.demo.products.bags import BACKPACKS, HANDBAGS, SUITCASES
from api.demo.products.clothes import SHIRTS, SNEAKERS
from api.demo.products.home import LAMPS, MUGS, VASES
from api.demo.products.kitchen import BOTTLES, PANS, TEAPOTS
from api.demo.products.toys import CARS, CUSHIONS, TEDDIES

CATEGORIES = (
    MUGS, SNEAKERS, BACKPACKS, TEDDIES, VASES, TEAPOTS, SHIRTS, HANDBAGS,
    CARS, LAMPS, BOTTLES, CAPS, SUITCASES, CUSHIONS, PANS, WATCHES,
)  # fmt: skip
