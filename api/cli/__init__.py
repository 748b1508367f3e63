"""The command line: one file per group of commands.

Commands import what they need when they run: `vsearch --help` loads neither JAX nor FAISS nor
FastAPI, and answers at once.
"""

import inspect
import os
from collections.abc import Callable, Mapping

import typer

from api.cli import (
    audit,
    backup,
    build,
    categories,
    classify,
    delete,
    demo,
    doctor,
    evaluate,
    extend,
    keys,
    models,
    search,
    serve,
    shop,
    similar,
    status,
    train,
    upsert,
    versions,
)
from vsearch.device_memory import bound_preallocation
from vsearch.host_memory import keep_freed

app = typer.Typer(
    name="vsearch",
    help="Search a shop by photo: train on its own catalogue, build an index, serve it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "A shop": {
        "init": shop.init,
        "import": shop.import_,
        "upsert": upsert.upsert,
        "delete": delete.delete,
        "status": status.status,
        "backup": backup.backup,
        "restore": backup.restore,
    },
    "From catalogue to search": {
        "train": train.train,
        "build": build.build,
        "extend": extend.extend,
        "evaluate": evaluate.evaluate,
        "audit": audit.audit,
        "versions": versions.versions,
        "models": models.models,
        "promote": models.promote,
        "rollback": versions.rollback,
    },
    "Asking": {
        "search": search.search,
        "classify": classify.classify,
        "similar": similar.similar,
    },
    "Over HTTP": {"serve": serve.serve, "keys": keys.keys},
    "Getting started": {"demo": demo.demo, "doctor": doctor.doctor},
}


def _help_of(command: Callable[..., None]) -> str:
    """Return a command's docstring with paragraphs that flow; ours end lines for our editors."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


for panel, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel, help=_help_of(command))(command)
app.add_typer(categories.categories, name="categories", rich_help_panel="A shop")


def main() -> None:
    """Run `vsearch`; the entry point of the package."""
    keep_freed()
    bound_preallocation(os.environ)  # before a command loads JAX
    app()
