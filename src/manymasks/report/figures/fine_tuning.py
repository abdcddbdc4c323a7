"""Figures and tables of fine-tuned members: what moved, and what still wakes."""

import numpy as np
from matplotlib.lines import Line2D

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import COLOURS, DASHED, INK, MUTED

LARGEST_SHOWN = 12.0
"""Nats: shifts beyond it are drawn at the edge, as letters hardly tell them apart."""
SHOWN = (-0.3, 1.5)
"""Values of alpha; those beyond are drawn at the edge."""


def _draw_paths(figure: Canvas, rows: list[Row]) -> None:
    """A line through the steps of each member; hollow where alpha is not identified."""
    variants = panels.ordered(rows, "variant")
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus", sharey=True):
        axis.axhline(1, color=INK, linewidth=1)
        for (variant, _), path in panels.grouped(panel, "variant", "model"):
            colour = panels.colour_at(variant, variants)
            alpha, shift = panels.columns(path, "alpha", "shift")
            x, alpha = np.clip(shift, -LARGEST_SHOWN, LARGEST_SHOWN), np.clip(alpha, *SHOWN)
            axis.plot(x, alpha, color=colour, linewidth=0.9, alpha=0.6, label=variant)
            known = np.array([bool(row["is_identified"]) for row in path])
            axis.plot(x[known], alpha[known], ".", color=colour, markersize=6)
            axis.plot(
                x[~known], alpha[~known], "o", color=colour, markersize=4, markerfacecolor="white"
            )
        axis.set_ylim(SHOWN[0] - 0.05, SHOWN[1] + 0.05)
        axis.set_xlabel("shift of the other masks, nats")
        axis.set_title(corpus)
    panels.label_left(figure, "alpha: evidence that is read")
    hollow = Line2D(
        [], [], color=MUTED, marker="o", markerfacecolor="white", linestyle="none",
        markersize=4, label="not identified",
    )  # fmt: skip
    panels.legend_below(figure, Line2D([], [], color=INK, linewidth=1, label="Bayes"), hollow)


def _draw_wake(figure: Canvas, rows: list[Row]) -> None:
    """A line for each number of steps, darker with more; dashed Bayes, grey where they started."""
    for axis, (corpus, variant), panel in panels.panels_by(
        figure, rows, "corpus", "variant", sharey=True
    ):
        steps = sorted({row["step"] for row in panel})
        first = [row for row in panel if row["step"] == steps[0]]
        letters, exact, base = panels.columns(first, "letters", "bayes", "base_weight")
        axis.plot(letters, exact, color=INK, linestyle=DASHED, linewidth=1.4, label="Bayes")
        if np.isfinite(base).any():
            axis.plot(letters, base, color=MUTED, linewidth=1.4, label="where it started")
        for index, step in enumerate(steps):
            line = [row for row in panel if row["step"] == step]
            x, y, low, high = panels.columns(line, "letters", "weight", "low", "high")
            shade = 0.25 + 0.75 * (index + 1) / len(steps)
            axis.plot(x, y, color=COLOURS[0], alpha=shade, linewidth=1.2, marker=".", markersize=4)
            if step == steps[-1]:
                axis.fill_between(x, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
        axis.set_ylim(-0.03, 1.03)
        axis.set_xlabel("letters")
        axis.set_title(panels.panel_title(rows, corpus, variant))
    panels.label_left(figure, "weight of the mask of the prompt")
    steps_label = Line2D([], [], color=COLOURS[0], label="steps, darker with more")
    panels.legend_below(figure, steps_label)


def _draw_rewards(figure: Canvas, rows: list[Row]) -> None:
    """A line through the steps of each class: solid by the reward, dotted on documents of its
    optimum; dashed the optimum itself."""
    classes = panels.ordered(rows, "variant")
    panels_of = panels.grouped(rows, "rewarded")
    axes = panels.panel_grid(figure, len(panels_of), sharey=True)
    for axis, ((rewarded,), panel) in zip(axes, panels_of, strict=True):
        axis.axhline(panel[0]["exact_share_one"], color=INK, linestyle=DASHED, linewidth=1.4)
        for (_, variant, imitates), line in panels.grouped(panel, "corpus", "variant", "imitates"):
            colour = panels.colour_at(variant, classes)
            x, y, low, high = panels.columns(line, "step", "share_one", "low", "high")
            style = ":" if imitates else "-"
            label = None if imitates else variant
            axis.plot(x, y, color=colour, linestyle=style, marker=".", markersize=4, label=label)
            axis.fill_between(x, low, high, color=colour, alpha=0.1, linewidth=0)
            axis.axhline(line[0]["goal_share_one"], color=colour, linestyle=DASHED, linewidth=0.9)
        axis.set_ylim(-0.05, 1.05)
        axis.set_xlabel("steps")
        axis.set_title(f"reward of a {rewarded}")
    panels.label_left(figure, "share of the change that one shift explains")
    panels.legend_below(
        figure,
        Line2D([], [], color=INK, linestyle=DASHED, label="exact optimum"),
        Line2D([], [], color=MUTED, linestyle=":", label="on documents of the optimum"),
    )


_ITEMS = (
    Figure("tuning_paths", _draw_paths,
        panels.stacked(1.0, 2.4, "corpus", across=3),
        title="What fine-tuning moves: the prior, or the reading of evidence",
        alt="Share of the evidence that members read against the shift of their masks, by steps",
        caption="Share of the exact evidence that a member still reads against the mean shift of "
        "the log-weights of the masks that its documents do not favour, one line through the steps "
        "for each member. A member that only moves its prior goes left at the height of its start; "
        "one that no longer infers the others goes down. Hollow: alpha is not identified, as a "
        "shift beyond what the letters say fits as well. Black: Bayes.",
        note="Shifts beyond 12 nats, and values of alpha beyond the axis, are drawn at the edge.",
    ),
    Figure("wake_curves", _draw_wake,
        panels.stacked(1.0, 2.3, "corpus", "variant", across=3),
        title="Do masks that are no longer trained on wake?",
        alt="Weight of the mask of a prompt by letters, for numbers of steps, beside Bayes",
        caption="Weight of the mask of the prompt, for prompts of the three masks that the "
        "documents do not favour, against the letters of the prompt; mean over members, darker "
        "with more steps of fine-tuning, with {confidence} t intervals at the last. Dashed: the "
        "exact posterior under the law of the documents. Grey: the members where they started.",
        note="A mask whose prior was only lowered comes back once the letters have said as much "
        "for it; one that is gone does not.",
    ),
    Figure("reward_shares", _draw_rewards,
        panels.stacked(1.0, 2.6, "rewarded", across=2),
        title="What a reward changes: the masks, or more than them?",
        alt="Share of the change that one shift explains, by steps and reward, beside that "
        "of the exact optimum",
        caption="Share of the change of members that one shift of the masks' log-weights explains, "
        "against the steps of fine-tuning by a reward with a KL penalty, on documents that members "
        "write themselves, with {confidence} t intervals. Dotted: the same members, trained on "
        "documents of the exact optimum. Dashed: the optimum, black from the exact law of the "
        "process, in colour from where members started. One reward counts a letter, the "
        "other is the logarithm of the probability of a mask given the whole document, whose "
        "optimum moves the masks and nothing else.",
        note="A reward of letters asks for other laws within a mask, so even its optimum is in "
        "part no shift. Errors of a start that the optimum corrects are no shift either.",
    ),
    PageTable("tuned_steps"),
)  # fmt: skip
PARTS = (SectionPart("processes", 8, _ITEMS),)
