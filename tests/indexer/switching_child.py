"""Run as a program: searches in a shop while another process switches its pairs.

`python switching_child.py SHOP` asks with items' photos until its standard input ends, in what
serves each time; then it tells which pairs have answered, and what did not belong together.
"""

import json
import sys
import threading
from itertools import count
from pathlib import Path
from unittest.mock import patch

from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.switching_shop import ITEMS, Seen, load
from tests.indexer.tiny_shop import painted


def main(path: Path) -> None:
    ended = threading.Event()
    threading.Thread(target=wait_for_the_end, args=(ended,), daemon=True).start()
    seen = Seen()
    with patch("indexer.search.load_embedder", load), Shop.open(path) as shop:
        searcher = Searcher.open(shop)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for number in count():
            if ended.is_set():
                break
            if shop.current().index != searcher.version.name:
                searcher = Searcher.open(shop)
            seen.add(searcher.search(painted(number % len(ITEMS))).to_json())
    pairs = [[*pair, times] for pair, times in seen.pairs.items()]
    sys.stdout.write(json.dumps({"pairs": pairs, "mixed": seen.mixed}) + "\n")


def wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
