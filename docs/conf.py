"""How Sphinx builds the site: `make docs`."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]

project = "GRCF pipeline"
author = "the authors of the GRCF pipeline"
html_title = "GRCF pipeline"
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "parameter_reference",
    "command_reference",
    "stage_reference",
    "module_reference",
    "facts_reference",
    "protocol_reference",
    "repository_links",
]
exclude_patterns = ["_build", "_ext"]

# Anchors of headings down to the third level, as GitHub makes them: a link into a page works in both places.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
# Sites open from a folder too, and read without a network: nothing is fetched while building or reading.
myst_linkify_fuzzy_links = False

# `--option` is no dash.
smartquotes = False
# Single backticks in docstrings are code, as in Markdown.
default_role = "literal"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 72
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

nitpicky = True
# Types in signatures link where a page describes them. Those of other libraries and of modules without a page do not, and a new
# one is no dead link: nothing is fetched. Links between pages, to headings, parameters and commands are all checked.
nitpick_ignore_regex = [(r"py:.*", r".*")]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
# What a command prints is no Python; blocks of code name their language.
highlight_language = "text"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
