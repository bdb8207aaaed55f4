"""The reference of commands, from the parsers that `python -m pipeline <command> --help` prints.

`{command-reference}` writes it. Wherever a page names a command as code, `python -m pipeline compare …`, it becomes a link to it.
"""

import argparse
import importlib
import keyword
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from generated import ROOT, GeneratedDirective, as_sentence, link_pages
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from pipeline.__main__ import COMMANDS

WIDTH = 88
NAMED = re.compile(r"^python -m pipeline (\w+)")


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command, as `pipeline.__main__` builds it."""
    parser = argparse.ArgumentParser(
        prog=f"python -m pipeline {name}", formatter_class=argparse.HelpFormatter
    )
    module = f"{name}_" if keyword.iskeyword(name) else name
    importlib.import_module(f"pipeline.commands.{module}").add_arguments(parser)
    return parser


def command_as_markdown(name: str, parser: argparse.ArgumentParser, *, level: int = 2) -> Iterator[str]:
    """A heading, the usage, the description, every argument with its help, and the examples."""
    yield f"(command-{name.replace(' ', '-')})=\n{'#' * level} {name}\n"
    yield f"```text\n{usage_of(parser)}\n```\n"
    yield from blocks_as_markdown(parser.description or "")
    yield f"```{{program}} {parser.prog}\n```\n"
    formatter = argparse.HelpFormatter(parser.prog, width=WIDTH)
    subparsers: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            subparsers = dict(action.choices)
        elif not isinstance(action, argparse._HelpAction) and action.help is not argparse.SUPPRESS:
            yield f"````{{option}} {invocation_of(action)}\n"
            choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
            meaning = link_pages(as_sentence(formatter._expand_help(action)))
            yield f"{meaning}{f' One of {choices}.' if choices else ''}\n````\n"
    yield from blocks_as_markdown(parser.epilog or "")
    for below, subparser in subparsers.items():
        yield from command_as_markdown(f"{name} {below}", subparser, level=level + 1)


def usage_of(parser: argparse.ArgumentParser) -> str:
    """The usage line, wrapped to a width of its own, whatever the terminal."""
    formatter = argparse.HelpFormatter(parser.prog, width=WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def invocation_of(action: argparse.Action) -> str:
    """How an argument is written: `-j N, --jobs N`, or the name of a positional one."""
    metavar = action.metavar
    if isinstance(metavar, tuple):
        metavar = " ".join(metavar)
    if not action.option_strings:
        return str(metavar or action.dest)
    value = "" if action.nargs == 0 else f" {metavar or action.dest.upper()}"
    return ", ".join(f"{option}{value}" for option in action.option_strings)


def blocks_as_markdown(text: str) -> Iterator[str]:
    """Paragraphs as they are; indented lines, such as examples, as code."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        start = next((n for n, line in enumerate(lines) if line.startswith("  ")), len(lines))
        if prose := " ".join(line.strip() for line in lines[:start]):
            yield f"{link_pages(as_sentence(prose))}\n"
        if lines[start:]:
            code = textwrap.dedent("\n".join(lines[start:]))
            yield f"```text\n{code}\n```\n"


class CommandReference(GeneratedDirective):
    """A section for each command of `python -m pipeline`."""

    def markdown(self) -> str:
        """All commands, in the order of `python -m pipeline --help`."""
        for path in (ROOT / "pipeline" / "commands").glob("*.py"):
            self.depends_on(path)
        return "\n".join(line for name in COMMANDS for line in command_as_markdown(name, parser_of(name)))


class LinkCommands(SphinxTransform):
    """Code that names a command links to its section."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Wrap each such piece of code in a reference; an unknown command is a warning."""
        for literal in list(self.document.findall(nodes.literal)):
            name = NAMED.match(literal.astext())
            if name is None or isinstance(
                literal.parent, nodes.reference | nodes.title | addnodes.pending_xref
            ):
                continue
            reference = addnodes.pending_xref(
                "",
                refdomain="std",
                reftype="ref",
                reftarget=f"command-{name[1]}",
                refexplicit=True,
                refwarn=True,
                refdoc=self.env.docname,
            )
            literal.replace_self(reference)
            reference += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and the links."""
    app.add_directive("command-reference", CommandReference)
    app.add_transform(LinkCommands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
