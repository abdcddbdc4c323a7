"""The page's sections in order, and all its figures by name."""

import importlib
import pkgutil
from collections.abc import Iterator

from manymasks.report.drawing import Figure
from manymasks.report.section import Item, PageTable, Section, SectionPart

FIGURES_FOLDER = "report.figures:*"
"""Read as a folder, so that a new figure is a new file; this text puts its modules in the key."""


def _parts() -> Iterator[SectionPart]:
    package = importlib.import_module(f"manymasks.{FIGURES_FOLDER.removesuffix(':*')}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield from importlib.import_module(module.name).PARTS


_PARTS = sorted(_parts(), key=lambda part: part.order)


def _items(section: str) -> tuple[Item, ...]:
    """Figures and tables of the modules in `figures/`, in the order of their parts."""
    return tuple(item for part in _PARTS if part.section == section for item in part.items)


SECTIONS = (
    Section("loss", "Loss", "Loss on the measure split", (PageTable("leaderboard"),),
        absent="This study has no loss analysis: there is nothing to show here.",
    ),
    Section("curves", "Curves", "Loss during training", _items("curves"),
        absent="This study has no training curves: there is nothing to show here.",
    ),
    Section("rates", "Rates", "Learning rates", (PageTable("learning_rates"),)),
    Section("rashomon", "Rashomon sets", "How many models fit equally well",
        (PageTable("rashomon"),),
        absent="This study has no Rashomon analysis: there is nothing to show here.",
    ),
    Section("sets", "Inside the sets", "Inside the sets", _items("sets"),
        intro="How many models fit, how much room each of them has, and how differently they "
        "behave are three questions, and size may answer each of them differently. Membership is "
        "decided on the select split; everything below is measured on the measure split.",
    ),
    Section("universal", "Every prefix", "What is proved of every prefix", _items("universal"),
        intro="Statements about prefixes of any length, proved from the final norm and the "
        "unembedding of a member alone, and prefixes that refute them.",
    ),
    Section("divergence", "Divergence", "How differently they behave", _items("divergence"),
        absent="This study has no divergence analysis: there is nothing to show here.",
    ),
    Section("probes", "Probes", "Further and further from text", _items("probes"),
        intro="A probe moves the context away from text by degrees and keeps the scored tokens "
        "wherever possible. Differences that equally good models learned elsewhere show only "
        "there.",
    ),
    Section("myopia", "Myopia", "What myopia costs", _items("myopia"),
        absent="This study has no myopia analysis: there is nothing to show here.",
    ),
    Section("processes", "Processes", "Text of known processes",
        (PageTable("process_corpora"), *_items("processes")),
    ),
    Section("recurrence", "Recurrence", "A state in the open", _items("recurrence"),
        intro="A recurrent member knows of earlier tokens what its state holds, and nothing else. "
        "What can be read from it, beside what attention holds, and what an edit of it does.",
    ),
    Section("claims", "Claims", "What was tested", (PageTable("claims"), PageTable("predictions")),
        absent="This study tests no comparison.",
    ),
)  # fmt: skip
FIGURES = {
    item.query: item for section in SECTIONS for item in section.items if isinstance(item, Figure)
}
