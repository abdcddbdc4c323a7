"""The page's sections in order, and all its figures by name."""

from manymasks.report import (
    behaviour,
    loss,
    myopia,
    pair_maps,
    probes,
    processes_beliefs,
    processes_loss,
    processes_masks,
    processes_rules,
    sets,
)
from manymasks.report.drawing import Figure
from manymasks.report.section import PageTable, Section

SECTIONS = (
    Section("loss", "Loss", "Loss on the measure split", (PageTable("leaderboard"),),
        absent="This study has no loss analysis: there is nothing to show here.",
    ),
    Section("curves", "Curves", "Loss during training", (loss.LOSS_CURVES,),
        absent="This study has no training curves: there is nothing to show here.",
    ),
    Section("rates", "Rates", "Learning rates", (PageTable("learning_rates"),)),
    Section("rashomon", "Rashomon sets", "How many models fit equally well",
        (PageTable("rashomon"),),
        absent="This study has no Rashomon analysis: there is nothing to show here.",
    ),
    Section("sets", "Inside the sets", "Inside the sets", sets.ITEMS,
        intro="How many models fit, how much room each of them has, and how differently they "
        "behave are three questions, and size may answer each of them differently. Membership is "
        "decided on the select split; everything below is measured on the measure split.",
    ),
    Section("divergence", "Divergence", "How differently they behave", (pair_maps.HEATMAP,),
        absent="This study has no divergence analysis: there is nothing to show here.",
    ),
    Section("probes", "Probes", "Further and further from text",
        (*probes.ITEMS, *pair_maps.ITEMS, *behaviour.ITEMS),
        intro="A probe moves the context away from text by degrees and keeps the scored tokens "
        "wherever possible. Differences that equally good models learned elsewhere show only "
        "there.",
    ),
    Section("myopia", "Myopia", "What myopia costs", myopia.ITEMS,
        absent="This study has no myopia analysis: there is nothing to show here.",
    ),
    Section("processes", "Processes", "Text of known processes",
        (
            PageTable("process_corpora"), *processes_loss.ITEMS, *processes_beliefs.ITEMS,
            *processes_masks.ITEMS, *processes_rules.ITEMS,
        ),
    ),
    Section("claims", "Claims", "What was tested", (PageTable("claims"),),
        absent="This study tests no comparison.",
    ),
)  # fmt: skip
FIGURES = {
    item.query: item for section in SECTIONS for item in section.items if isinstance(item, Figure)
}
