"""Photos of grocery-store whose product is outlined by hand: is that what the network looks at?

In all of them the product covers less than half of the photo, and a shelf, a hand, price tags or
other products lie around it. Outlines are polygons around the product as it can be seen (not the
hand before it; all pieces of it where there are several), as points x,y in hundredths of the
photo's width and height, with | between polygons. They were drawn before any map was looked at.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vsearch.images import ImageSpec, decode, preprocess

FINER = 4  # the mask is drawn so much larger than the photo, so that its edge is smooth

# Val photos: the method was chosen on these.
TUNING = {
    "val/Golden-Delicious/Golden-Delicious_003.jpg": (
        "26,52 33,36 42,30 52,31 62,40 68,53 66,64 56,71 42,72 31,68"
    ),
    "val/Avocado/Avocado_001.jpg": (
        "15,40 20,30 30,22 42,21 55,27 62,40 61,52 55,61 45,66 30,63 20,55 | 53,86 57,80 64,81 "
        "66,90 60,93 | 86,100 87,94 100,93 100,100"
    ),
    "val/Kiwi/Kiwi_002.jpg": (
        "20,57 24,45 34,34 50,28 62,32 76,45 78,60 72,73 62,81 42,83 30,76 21,68 | 72,70 80,62 "
        "95,65 100,80 100,96 90,96 85,75"
    ),
    "val/Galia-Melon/Galia-Melon_002.jpg": (
        "22,45 26,33 36,25 48,23 60,28 69,40 69,53 63,66 50,72 34,70 24,58"
    ),
    "val/Satsumas/Satsumas_001.jpg": (
        "28,52 34,41 46,37 58,40 65,50 64,62 52,67 42,70 33,66 | 66,48 75,45 84,50 98,48 100,50 "
        "100,98 90,96 74,90 72,75 66,62"
    ),
    "val/Bravo-Apple-Juice/Bravo-Apple-Juice_002.jpg": (
        "2,30 10,20 20,22 88,70 72,98 50,85 20,62 20,45 12,32 8,40 2,42"
    ),
    "val/Bravo-Orange-Juice/Bravo-Orange-Juice_002.jpg": (
        "19,22 49,18 50,27 55,40 54,95 33,100 28,75 48,64 47,57 40,58 24,62 22,50 20,40"
    ),
    "val/God-Morgon-Red-Grapefruit-Juice/God-Morgon-Red-Grapefruit-Juice_003.jpg": (
        "15,12 43,4 50,25 70,88 48,98 32,65 22,48 24,42 38,33 38,28 28,28 20,35"
    ),
    "val/Oatly-Natural-Oatghurt/Oatly-Natural-Oatghurt_002.jpg": (
        "28,20 36,16 38,10 54,11 54,16 63,16 69,94 42,97 37,65 46,48 43,46 34,50"
    ),
    "val/Alpro-Vanilla-Soyghurt/Alpro-Vanilla-Soyghurt_003.jpg": (
        "25,20 48,14 58,30 64,50 69,82 50,88 42,85 40,70 58,62 56,57 35,58 26,38"
    ),
    "val/Asparagus/Asparagus_004.jpg": (
        "10,95 30,60 50,30 68,12 80,7 87,22 84,35 70,50 55,62 42,95 30,100 12,100"
    ),
    "val/Aubergine/Aubergine_003.jpg": (
        "14,70 22,55 38,40 52,34 60,33 62,42 60,58 50,75 36,92 24,94 12,88"
    ),
    "val/Floury-Potato/Floury-Potato_005.jpg": (
        "18,67 30,62 50,58 56,63 64,68 70,78 78,88 88,100 10,100 14,80"
    ),
    "val/Red-Beet/Red-Beet_005.jpg": (
        "7,50 12,38 20,26 38,18 55,16 65,22 71,35 71,55 65,70 50,74 35,79 15,70 8,60 | 85,50 "
        "100,52 100,95 75,90 75,80 85,70"
    ),
    "val/Zucchini/Zucchini_002.jpg": (
        "20,68 30,55 50,40 68,23 78,20 86,25 85,34 76,43 55,55 46,63 40,63 24,70"
    ),
}

# Test photos: looked at once, when everything was chosen.
CHECKED = {
    "test/Kiwi/Kiwi_042.jpg": "32,42 42,33 52,32 62,40 64,50 60,66 54,71 46,69 31,69 29,55",
    "test/Mango/Mango_022.jpg": (
        "25,28 30,24 55,22 62,20 70,22 76,30 80,45 84,53 74,55 62,58 34,60 31,52 27,44 | 5,58 "
        "10,53 20,53 20,62 8,65"
    ),
    "test/Honeydew-Melon/Honeydew-Melon_004.jpg": (
        "6,48 10,37 22,31 30,34 31,42 25,52 12,55 | 0,57 12,55 22,57 25,65 20,74 8,79 0,79 | "
        "24,60 28,48 38,43 45,47 45,57 38,66 28,67 | 45,48 47,40 53,38 60,41 63,49 58,56 52,58 "
        "46,55"
    ),
    "test/Passion-Fruit/Passion-Fruit_014.jpg": (
        "28,40 32,26 44,19 56,20 68,28 72,40 68,52 56,58 52,53 44,49 33,50"
    ),
    "test/Conference/Conference_024.jpg": (
        "22,40 32,30 40,21 52,27 62,30 74,38 86,47 90,56 85,66 78,74 72,86 62,82 52,78 42,72 "
        "36,66 26,63 12,55 10,45"
    ),
    "test/Kaiser/Kaiser_004.jpg": (
        "12,50 20,46 30,50 42,45 42,35 50,30 50,24 60,23 68,28 74,38 74,54 80,60 76,72 62,74 "
        "50,68 36,76 28,81 20,80 20,72 16,68 | 82,30 92,30 97,40 97,55 84,58 82,45"
    ),
    "test/Plum/Plum_022.jpg": "36,50 37,40 44,33 54,30 64,34 71,43 72,53 66,62 58,69 46,67 38,60",
    "test/Satsumas/Satsumas_013.jpg": (
        "29,56 34,46 44,37 56,32 68,33 76,41 79,52 76,65 68,74 56,80 44,80 34,70"
    ),
    "test/Bravo-Apple-Juice/Bravo-Apple-Juice_017.jpg": (
        "36,12 66,8 68,24 72,35 71,80 70,92 57,92 44,82 43,55 48,45 62,34 61,29 50,32 40,39 37,38"
    ),
    "test/God-Morgon-Orange-Juice/God-Morgon-Orange-Juice_004.jpg": (
        "31,11 62,6 66,28 69,40 69,83 48,85 42,78 40,60 38,50 48,46 50,38 46,35 36,42 31,30"
    ),
    "test/Tropicana-Apple-Juice/Tropicana-Apple-Juice_021.jpg": (
        "19,20 27,10 40,11 49,14 50,20 56,30 55,90 52,98 28,98 27,78 33,70 32,58 28,54 20,66 18,40"
    ),
    "test/Tropicana-Mandarin-Morning/Tropicana-Mandarin-Morning_010.jpg": (
        "36,20 66,20 68,40 66,88 44,88 42,74 53,70 52,63 38,62 35,35"
    ),
    "test/Arla-Lactose-Medium-Fat-Milk/Arla-Lactose-Medium-Fat-Milk_021.jpg": (
        "46,3 76,3 80,20 80,33 76,80 60,85 53,83 50,55 52,45 62,40 70,34 69,28 60,29 50,33 47,25"
    ),
    "test/Arla-Medium-Fat-Milk/Arla-Medium-Fat-Milk_020.jpg": (
        "48,25 56,19 80,13 84,35 84,42 77,82 60,83 54,62 60,58 68,56 70,48 62,46 50,50"
    ),
    "test/Oatly-Natural-Oatghurt/Oatly-Natural-Oatghurt_018.jpg": (
        "41,10 50,10 50,5 64,5 64,10 74,11 72,50 69,90 42,90 40,60"
    ),
    "test/Arla-Ecological-Sour-Cream/Arla-Ecological-Sour-Cream_017.jpg": (
        "36,25 74,30 72,60 68,76 54,83 40,79 35,75 37,55 40,48 39,40 36,36"
    ),
    "test/Alpro-Blueberry-Soyghurt/Alpro-Blueberry-Soyghurt_005.jpg": (
        "34,8 64,7 67,25 67,92 35,92 34,50 33,40 31,25"
    ),
    "test/Arla-Natural-Mild-Low-Fat-Yoghurt/Arla-Natural-Mild-Low-Fat-Yoghurt_005.jpg": (
        "50,21 88,30 87,40 80,80 72,84 66,86 49,78 49,55 52,45 57,40 55,34 51,38"
    ),
    "test/Aubergine/Aubergine_014.jpg": (
        "12,50 40,35 60,32 78,33 76,38 72,46 60,52 50,60 40,65 25,70 12,75 8,75 7,70 13,62 12,56"
    ),
    "test/Vine-Tomato/Vine-Tomato_005.jpg": (
        "18,50 22,46 40,38 55,40 58,33 66,25 74,28 80,35 82,45 82,53 90,60 88,69 72,74 72,79 "
        "56,85 42,88 35,88 28,89 24,83 26,73 22,65"
    ),
}


def item_of(photo: str) -> str:
    """Return the product that a photo shows: the folder it is in."""
    return photo.split("/")[1]


def product_mask(photo: Path, outline: str, spec: ImageSpec) -> NDArray[np.float32]:
    """Return how far each place of the network's square is product, (size, size) within 0..1."""
    width, height = (FINER * side for side in decode(photo.read_bytes()).size)
    drawn = Image.new("RGB", (width, height))
    pen = ImageDraw.Draw(drawn)
    for polygon in outline.split("|"):
        points = [point.split(",") for point in polygon.split()]
        scaled = [(float(x) / 100 * width, float(y) / 100 * height) for x, y in points]
        pen.polygon(scaled, fill=(255, 255, 255))
    return preprocess(drawn, spec)[:, :, 0].astype(np.float32) / np.float32(255)


def share_within(values: NDArray[np.float32], mask: NDArray[np.float32]) -> float:
    """Return which part of the positive mass of a map lies on the product, 0..1."""
    positive = np.maximum(values, 0)
    return float((positive * mask).sum() / positive.sum())
