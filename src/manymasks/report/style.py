"""The style of all figures: colours, markers, line styles and matplotlib's settings.

Colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib

VARIANT_ORDER = ("causal", "myopic")
"""Variants with the same colours in all figures; others follow in alphabetical order."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
INK, MUTED, FRAME, GRID, EMPTY = "#24292f", "#6b7280", "#9ca3af", "#e5e7eb", "#f3f4f6"
INIT_COLOUR, ORDER_COLOUR = COLOURS[4], COLOURS[5]
"""Of the two seeds; the first variants do not have these colours."""
DASHED: Any = (0, (4, 2))
DOTTED: Any = (0, (1, 1.5))
DASH_DOTTED: Any = (0, (6, 1.5, 1, 1.5))
SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FRAME,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.titlesize": 10.5,
    "figure.titleweight": "bold",
}


@contextlib.contextmanager
def styled(more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw in this style during the block: matplotlib's defaults, without those of a person's
    `matplotlibrc`, which would change figures under one key."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = {**SETTINGS, **(more or {})}
        matplotlib.rcParams.update(settings)
        yield
