"""Sphinx: `sphinx-build -W docs docs/_build` after `pip install -e '.[docs]'`."""

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from manymasks.documentation.flowchart import svg

project = "manymasks"
author = "The manymasks authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "**.j2"]
html_theme = "furo"
html_title = "manymasks"
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]


class Mermaid(Directive):
    """A flowchart, which a forge draws from the same text, as a picture."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        picture = svg("\n".join(self.content), "Flowchart")
        scrolled = f'<div style="overflow-x:auto"><div style="min-width:60em">{picture}</div></div>'
        return [nodes.raw("", scrolled, format="html")]


def setup(app: Sphinx) -> None:
    app.add_directive("mermaid", Mermaid)
