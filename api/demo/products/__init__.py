"""All categories of the generated shop, in the order in which its items are numbered."""

from api.demo.products.backpacks import BACKPACKS
from api.demo.products.caps import CAPS
from api.demo.products.cars import CARS
from api.demo.products.cushions import CUSHIONS
from api.demo.products.handbags import HANDBAGS
from api.demo.products.home import LAMPS, MUGS, VASES
from api.demo.products.kitchen import BOTTLES, PANS, TEAPOTS
from api.demo.products.shirts import SHIRTS
from api.demo.products.sneakers import SNEAKERS
from api.demo.products.suitcases import SUITCASES
from api.demo.products.teddies import TEDDIES
from api.demo.products.watches import WATCHES

CATEGORIES = (
    MUGS, SNEAKERS, BACKPACKS, TEDDIES, VASES, TEAPOTS, SHIRTS, HANDBAGS,
    CARS, LAMPS, BOTTLES, CAPS, SUITCASES, CUSHIONS, PANS, WATCHES,
)  # fmt: skip
