"""Templates of pages, all read by the same rules."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates_beside(module: str, *, autoescape: bool = True) -> Environment:
    """The templates in the folder of a module, given as its `__file__`; a name that a template misspells is an error.

    With `autoescape`, every text is escaped as HTML wants it.
    """
    return Environment(
        loader=FileSystemLoader(Path(module).parent),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
