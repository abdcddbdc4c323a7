"""Sphinx: `sphinx-build -W docs docs/_build` after `pip install -e '.[docs]'`."""

project = "manymasks"
author = "The manymasks authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "**.j2"]
html_theme = "furo"
html_title = "manymasks"
myst_heading_anchors = 3
myst_fence_as_directive: list[str] = []
# Pygments has no lexer for the graph of stages, which a forge draws.
suppress_warnings = ["misc.highlighting_failure"]
