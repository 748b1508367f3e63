"""Full-text search over titles, attributes and categories, by SQLite's FTS5."""

import re
import unicodedata
from collections.abc import Iterator

from indexer.database import Database
from vsearch.errors import ShopError

MOST_WORDS = 32
_WORD = re.compile(r"\w+")


class TextQueries(Database):
    """The part of the catalogue that finds items by words."""

    def items_by_text(self, text: str) -> Iterator[int]:
        """Yield the keys of items in state ok that have a word of the text, the best first.

        Ranked by BM25; more of the words and rarer ones count more, letter case and accents do not.
        Equal ranks are in the order of the items.

        Raises:
            ShopError: the text has no word, or too many.
        """
        # A letter and its accent may come as two characters, which are one letter of a word.
        words = _WORD.findall(unicodedata.normalize("NFC", text))
        if not 0 < len(words) <= MOST_WORDS:
            told = f"it has {len(words)}" if words else f"“{text}” has none"
            raise ShopError(f"a text to search with needs 1 to {MOST_WORDS} words, {told}")
        asked = " OR ".join(f'"{word}"' for word in words)  # quoted: no word is an operator
        for row in self._snapshot(
            "SELECT item_key FROM item_words JOIN items ON item_key = item_words.rowid "
            "WHERE item_words MATCH ? AND state = 'ok' ORDER BY bm25(item_words), item_key",
            asked,
        ):
            yield row["item_key"]
