"""The committed description of the API: `python -m api.openapi_file` writes it anew.

It describes a server whose searching needs a key, as on the internet; `/openapi.json` of a server
describes that server. What the API promises is seen in the history of the file.
"""

import json
import tempfile
from pathlib import Path

from api.app import create_app
from api.settings import ServerSettings
from indexer.shop import Shop

FILE = Path(__file__).parent / "openapi.json"


def described() -> str:
    """Return what the file is to hold."""
    with tempfile.TemporaryDirectory() as folder:
        Shop.create(Path(folder) / "shop", name="A shop").close()
        app = create_app(ServerSettings(shop=Path(folder) / "shop", public_search=False))
        document = app.openapi()
        app.state.shop.close()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(described(), encoding="utf-8")
