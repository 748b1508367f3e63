"""Which photos are copies of one another: recompressed, resized or made brighter.

A difference hash (Krawetz, Kind of Like That, 2013) says of each of 16 × 16 places of the grey
photo whether it gets brighter to the right: 256 bits that a copy nearly keeps. But catalogue photos
taken in one studio, of two ties or the cartons of two juices, share nearly all of them, too. So the
colours of 16 × 16 places are compared as well, at the place that differs most, once the two
photos' brightness and contrast have been matched: a copy differs a little everywhere, another
product differs much somewhere.

Measured on copies of 300 photos each of fashion-catalogue and grocery-store (in this order), and on
all pairs of their training photos, of which none is a copy:

    JPEG quality 40                  at most 13 and 11 bits, 9 and 12 levels     found 1.00, 1.00
    half as wide and high            at most 11 and 11 bits, 21 and 26 levels    found .91, 1.00
    10 % brighter, clipped at white  at most 35 and 15 bits, 35 and 25 levels    found .72, .93
    other products within 24 bits    3,745 and 22 pairs; nearest 22.4 (a top recoloured) and 124

Cropped, framed, turned or mirrored copies are not found: their bits are as far apart as those of
different photos.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
BITS = SIDE * SIDE
NEAR_BITS = 24  # a copy's hash differs in as many bits at most
NEAR_LEVELS = 18.0  # …and its places in as many of 255 levels
_CONTRAST = (0.8, 1.25)  # the least and the greatest factor between a photo and its copy
_BRIGHTNESS = 32.0  # levels that may lie between them in all places
_BLOCK = 1 << 22  # pairs compared at a time


@dataclass(frozen=True)
class Look:
    """What is kept of how a photo looks: 800 bytes.

    Attributes:
        bits: shape (32,), uint8, the difference hash, packed.
        places: shape (16, 16, 3), uint8, the mean colour of each place.
    """

    bits: NDArray[np.uint8]
    places: NDArray[np.uint8]

    @classmethod
    def of(cls, photo: Image.Image) -> "Look":
        """Look at a photo in RGB, of any size."""
        places = photo.resize((SIDE, SIDE), Image.Resampling.BOX)
        return cls(bits_of(photo), np.asarray(places, np.uint8))


def bits_of(photo: Image.Image) -> NDArray[np.uint8]:
    """Return the difference hash of a photo, RGB or grey, of any size: (32,) uint8, packed."""
    grey = photo.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.LANCZOS)
    levels = np.asarray(grey)
    return np.packbits(levels[:, 1:] > levels[:, :-1])


def bits_apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Return in how many bits two hashes differ."""
    return int(np.bitwise_count(one ^ other).sum())


def near_pairs(bits: NDArray[np.uint8], most: int = NEAR_BITS) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs of hashes that differ in at most `most` bits, shape (m, 2), first < second.

    Every hash is compared with every other: n² / 2 comparisons of 32 bytes.

    Args:
        bits: shape (n, 32), uint8.
        most: bits.
    """
    words = np.ascontiguousarray(bits).view(np.uint64)
    rows = max(1, _BLOCK // max(len(words), 1))
    for start in range(0, len(words), rows):
        block, rest = words[start : start + rows], words[start:]
        apart = np.zeros((len(block), len(rest)), np.uint16)
        for word in range(words.shape[1]):  # word by word: a quarter of the memory
            apart += np.bitwise_count(block[:, word, None] ^ rest[None, :, word])
        one, other = np.nonzero(np.triu(apart <= most, 1))
        if one.size:
            yield np.stack([one, other], axis=1) + start


def is_copy(one: Look, other: Look) -> bool:
    """Say whether two photos are copies of the same picture."""
    if bits_apart(one.bits, other.bits) > NEAR_BITS:
        return False  # as nearly all pairs are, and bits are compared in a hundredth of the time
    return bool(levels_apart(one.places[None], other.places[None])[0] <= NEAR_LEVELS)


def levels_apart(ones: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how far the colours of pairs of photos differ at the worst of their places, (m,).

    Brightness and contrast are matched first, one offset and one factor for all three channels:
    another colour stays another colour. Of 255 levels.

    Args:
        ones: shape (m, 16, 16, 3), uint8, the places of `Look`s.
        others: the same, of the photos that they are compared with.
    """
    first, second = (each.reshape(len(each), -1).astype(np.float64) for each in (ones, others))
    return np.maximum(_unmatched(first, second), _unmatched(second, first))


def _unmatched(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    means, goals = ones.mean(axis=1, keepdims=True), others.mean(axis=1, keepdims=True)
    first, second = ones - means, others - goals
    energy = (first * first).sum(axis=1, keepdims=True)
    along = (first * second).sum(axis=1, keepdims=True)
    factors = np.divide(along, energy, out=np.ones_like(energy), where=energy > 0)
    brighter = means - goals
    left = brighter - np.clip(brighter, -_BRIGHTNESS, _BRIGHTNESS)
    return np.asarray(np.abs(first * np.clip(factors, *_CONTRAST) - second + left).max(axis=1))
