"""The page that `dvc plots show` fills, with the JavaScript of its charts inside: DVC's own page fetches it from a CDN.

DVC takes the page from `.dvc/plots/offline.html`, which `.dvc/config` names. `python -m pipeline.pages.dvc_page` writes it anew.
"""

from pathlib import Path

import vl_convert

PAGE = Path(".dvc/plots/offline.html")

# Of the major version that DVC's descriptions are in.
_VERSION = "5.20"
_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>DVC plots</title>
<link rel="icon" href="data:,">
<style>
body { margin: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
body > div { overflow-x: auto; }
</style>
<!-- Vega, Vega-Lite and Vega-Embed, (c) University of Washington Interactive Data Lab, BSD-3-Clause; written by pipeline/pages/dvc_page.py. -->
<script>"""
_TAIL = """</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def dvc_page() -> str:
    """The page with DVC's placeholders, except that for scripts, which are there."""
    script = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_VERSION))
    return _HEAD + script + _TAIL


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(dvc_page(), encoding="utf-8")
