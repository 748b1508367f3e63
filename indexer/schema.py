"""The tables of a catalogue, and how an older database becomes a newer one.

`MIGRATIONS[n]` takes a database from schema version n to n + 1; SQLite's `user_version` holds the
version. A migration that has been released is never edited: a new one is added below it.
"""

import sqlite3

from vsearch.errors import ShopError

_VERSION_1 = (
    """CREATE TABLE categories (
        category_id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE               -- JSON list of names from the root down
    )""",
    """CREATE TABLE items (
        item_key INTEGER PRIMARY KEY AUTOINCREMENT,
        item_id TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        category_id INTEGER REFERENCES categories,
        further_paths TEXT NOT NULL,            -- JSON list of paths
        group_id TEXT,
        attributes TEXT NOT NULL,               -- JSON object
        state TEXT NOT NULL CHECK (state IN ('ok', 'rejected')),
        reason TEXT,
        seq INTEGER NOT NULL,                   -- of the item's last change
        CHECK (state = 'rejected' OR category_id IS NOT NULL)
    )""",
    "CREATE INDEX items_by_category ON items (category_id, item_key)",
    """CREATE TABLE photos (
        photo_key INTEGER PRIMARY KEY AUTOINCREMENT,
        item_key INTEGER NOT NULL REFERENCES items ON DELETE CASCADE,
        content_hash TEXT NOT NULL,
        path TEXT NOT NULL,                     -- relative to the shop where inside it
        role TEXT NOT NULL CHECK (role IN ('catalogue', 'further')),
        split TEXT NOT NULL CHECK (split IN ('train', 'val', 'test')),
        position INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        UNIQUE (item_key, content_hash),
        CHECK (role = 'further' OR split = 'train')
    )""",
    "CREATE INDEX photos_by_hash ON photos (content_hash)",
    """CREATE TABLE changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        item_key INTEGER NOT NULL,
        kind TEXT NOT NULL,
        at TEXT NOT NULL
    )""",
    """CREATE TABLE rejects (
        source TEXT NOT NULL CHECK (source IN ('catalogue', 'further', 'build')),
        manifest TEXT NOT NULL,
        row INTEGER NOT NULL,
        item_id TEXT,
        field TEXT NOT NULL,
        value TEXT NOT NULL,
        reason TEXT NOT NULL,
        at TEXT NOT NULL
    )""",
    "CREATE INDEX rejects_by_row ON rejects (source, manifest, row)",
    """CREATE TABLE attribute_types (
        name TEXT PRIMARY KEY,
        type TEXT NOT NULL CHECK (type IN ('bool', 'int', 'float', 'text'))
    )""",
    """CREATE TABLE photo_files (
        source TEXT PRIMARY KEY,                -- absolute path, or URL of a remote photo
        path TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL
    )""",
    """CREATE TABLE embeddings (
        embedding_fingerprint TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        vector BLOB NOT NULL,                   -- little-endian float32
        PRIMARY KEY (embedding_fingerprint, content_hash)
    )""",
)

_VERSION_2 = (
    """CREATE TABLE decisions (
        content_hash TEXT NOT NULL,             -- the photo that was judged
        item_id TEXT NOT NULL,                  -- the item that it stood with
        subject TEXT NOT NULL CHECK (subject IN ('label', 'duplicate')),
        label_column TEXT NOT NULL,             -- item_id, category or an attribute
        verdict TEXT NOT NULL CHECK (verdict IN ('accept', 'relabel', 'drop')),
        before TEXT,                            -- JSON: what the manifest says
        after TEXT,                             -- JSON: what holds instead
        role TEXT NOT NULL CHECK (role IN ('catalogue', 'further')),
        at TEXT NOT NULL,
        PRIMARY KEY (content_hash, item_id, subject, label_column)
    )""",
    "CREATE INDEX decisions_by_item ON decisions (item_id)",
    """CREATE TABLE looks (
        content_hash TEXT PRIMARY KEY,
        bits BLOB NOT NULL,                     -- difference hash, 32 bytes
        places BLOB NOT NULL                    -- mean colours, 16 * 16 * 3 bytes
    )""",
)

# The values alone: names of attributes are no words of an item, and in JSON's text an escaped line
# break would stick to the word after it.
_ATTRIBUTES = "(SELECT group_concat(value, ' ') FROM json_each({item}.attributes))"
_PATH = (
    "(SELECT group_concat(value, ' ') FROM categories, json_each(categories.path) "
    "WHERE categories.category_id = {item}.category_id)"
)
_FORGET = (
    "INSERT INTO item_words (item_words, rowid, title, attributes, path) VALUES ('delete', "
    f"old.item_key, old.title, {_ATTRIBUTES.format(item='old')}, {_PATH.format(item='old')})"
)
_LEARN = (
    "INSERT INTO item_words (rowid, title, attributes, path) VALUES (new.item_key, "
    f"new.title, {_ATTRIBUTES.format(item='new')}, {_PATH.format(item='new')})"
)
_VERSION_3 = (
    # Without the texts themselves: the triggers tell which words come and which go.
    """CREATE VIRTUAL TABLE item_words USING fts5 (
        title, attributes, path, content = '', tokenize = 'unicode61 remove_diacritics 2'
    )""",
    f"INSERT INTO item_words (rowid, title, attributes, path) SELECT item_key, title, "
    f"{_ATTRIBUTES.format(item='items')}, {_PATH.format(item='items')} FROM items",
    f"CREATE TRIGGER item_words_added AFTER INSERT ON items BEGIN {_LEARN}; END",
    f"CREATE TRIGGER item_words_gone AFTER DELETE ON items BEGIN {_FORGET}; END",
    "CREATE TRIGGER item_words_changed AFTER UPDATE OF title, attributes, category_id ON items "
    f"BEGIN {_FORGET}; {_LEARN}; END",
)

_PATH_WORDS = "(SELECT group_concat(value, ' ') FROM json_each({category}.path))"
_OF_ITEMS = "item_key, title, {attributes}, {path} FROM items WHERE category_id = new.category_id"
_FORGET_PATH, _LEARN_PATH = (
    f"INSERT INTO item_words ({columns}) SELECT {first}"
    + _OF_ITEMS.format(
        attributes=_ATTRIBUTES.format(item="items"), path=_PATH_WORDS.format(category=category)
    )
    for columns, first, category in (
        ("item_words, rowid, title, attributes, path", "'delete', ", "old"),
        ("rowid, title, attributes, path", "", "new"),
    )
)
_VERSION_4 = (
    # Paths change, and categories that are merged keep their numbers: a path may have several.
    "DROP TRIGGER item_words_added",
    "DROP TRIGGER item_words_gone",
    "DROP TRIGGER item_words_changed",
    """CREATE TABLE numbered (
        category_id INTEGER PRIMARY KEY,
        path TEXT NOT NULL                      -- JSON list of names from the root down, as of now
    )""",
    "INSERT INTO numbered SELECT category_id, path FROM categories",
    "DROP TABLE categories",
    "ALTER TABLE numbered RENAME TO categories",
    "CREATE INDEX categories_by_path ON categories (path)",
    f"CREATE TRIGGER item_words_added AFTER INSERT ON items BEGIN {_LEARN}; END",
    f"CREATE TRIGGER item_words_gone AFTER DELETE ON items BEGIN {_FORGET}; END",
    "CREATE TRIGGER item_words_changed AFTER UPDATE OF title, attributes, category_id ON items "
    f"BEGIN {_FORGET}; {_LEARN}; END",
    f"CREATE TRIGGER item_words_moved AFTER UPDATE OF path ON categories "
    f"BEGIN {_FORGET_PATH}; {_LEARN_PATH}; END",
    "CREATE INDEX edits_of_the_tree ON changes (seq) WHERE item_key = 0",
    """CREATE TABLE category_edits (
        edit_id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('rename', 'move', 'merge', 'retire', 'split')),
        source TEXT NOT NULL,                   -- JSON: the path before
        target TEXT,                            -- JSON: the path since; NULL where there is none
        forgotten INTEGER NOT NULL,             -- manifests mean what they say: it is not applied
        seq INTEGER NOT NULL,                   -- in the change log
        models TEXT NOT NULL,                   -- JSON: which model followed which, and its judge
        at TEXT NOT NULL
    )""",
    """CREATE TABLE edited_categories (
        edit_id INTEGER NOT NULL REFERENCES category_edits ON DELETE CASCADE,
        category_id INTEGER NOT NULL REFERENCES categories,
        path TEXT NOT NULL,                     -- before
        PRIMARY KEY (edit_id, category_id)
    )""",
    """CREATE TABLE edited_items (
        edit_id INTEGER NOT NULL REFERENCES category_edits ON DELETE CASCADE,
        item_key INTEGER NOT NULL,
        category_id INTEGER,                    -- before
        further_paths TEXT NOT NULL,            -- before
        new_category_id INTEGER,
        new_further_paths TEXT NOT NULL,
        PRIMARY KEY (edit_id, item_key)
    )""",
    """CREATE TABLE split_items (
        edit_id INTEGER NOT NULL REFERENCES category_edits ON DELETE CASCADE,
        item_id TEXT NOT NULL,
        path TEXT NOT NULL,                     -- JSON: where the item went
        PRIMARY KEY (edit_id, item_id)
    )""",
    # Committed with an edit and gone once CURRENT and TRAINED name the models that belong to it.
    "CREATE TABLE unpublished (step INTEGER PRIMARY KEY, document TEXT NOT NULL)",
)

_VERSION_5 = (
    # The last entry of an item says that it has changed; those before it say nothing more.
    "DELETE FROM changes WHERE seq < "
    "(SELECT seq FROM items WHERE items.item_key = changes.item_key)",
    "DELETE FROM changes WHERE kind != 'deleted' AND item_key != 0 "
    "AND item_key NOT IN (SELECT item_key FROM items) AND seq < (SELECT max(seq) FROM changes)",
    """CREATE TABLE pruned_changes (
        up_to INTEGER NOT NULL                  -- deletions until then are no longer in the log
    )""",
    "INSERT INTO pruned_changes VALUES (0)",
    """CREATE TABLE live_items (                  -- items that no manifest has ever named
        item_key INTEGER PRIMARY KEY REFERENCES items ON DELETE CASCADE
    )""",
)

_VERSION_6 = (
    # A page of hits asks for catalogue photos alone, which are few among an item's photos.
    "CREATE INDEX catalogue_photos ON photos (item_key, position, photo_key) "
    "WHERE role = 'catalogue'",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest schema; each step is one transaction.

    Raises:
        ShopError: the database was written by a newer version of the program.
    """
    (enforced,) = connection.execute("PRAGMA foreign_keys").fetchone()
    # A table that others refer to can only be replaced while nobody looks; the setting changes
    # nothing within a transaction.
    connection.execute("PRAGMA foreign_keys = OFF")
    while (found := _version(connection)) != len(MIGRATIONS):
        if found > len(MIGRATIONS):
            raise ShopError(
                f"the catalogue has schema version {found}, this program knows {len(MIGRATIONS)}: "
                "update the program"
            )
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have taken this step while we waited for the lock.
        if _version(connection) == found:
            for statement in MIGRATIONS[found]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {found + 1}")
        connection.execute("COMMIT")
    connection.execute(f"PRAGMA foreign_keys = {enforced}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
