"""The known processes, a row each.

Settings and plans read this table, so it needs the standard library alone. To add a process, write
a function and a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProcessSpec:
    """What is known of a process before it is made."""

    vocabulary: tuple[str, ...]
    """Names of the tokens. Token 0 is BOS."""
    length: int
    """Tokens of every document, BOS included."""
    maker: str
    """`module:function` below the package, imported on first use. The function returns a `Process`
    or a `Machine`."""
    analyses: tuple[str, ...] = ()
    """Analyses of models trained on the process, beside `truth`, `excess` and those of any text."""
    parameters: tuple[str, ...] = ()
    """Settings of the corpus that the maker takes as keyword arguments."""
    control_of: str | None = None
    """The process that this one is the control of."""
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Tokens of every document by `answer_format`, where that is a setting of the process."""

    def length_in(self, answer_format: str | None) -> int:
        """Tokens of every document in a format, BOS included."""
        return self.lengths.get(answer_format or "", self.length)


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """`numbered("n", 2)` is `("n0", "n1")`."""
    return tuple(f"{prefix}{i}" for i in range(count))


TALLY_VOCABULARY = ("BOS", *numbered("", 4), "=", *numbered("n", 7))
FORK_VOCABULARY = (
    "BOS",
    "EOS",
    *numbered("f", 4),
    *(word for family in "RBM" for word in numbered(family, 6)),
    *("(", ")", "?t", "?h", "."),
    *numbered("A", 6),
)
STEER_VOCABULARY = (
    "BOS", *numbered("Q", 8), *numbered("C", 4), "SEP", *"abcd",
)  # fmt: skip
LAG_VOCABULARY = (
    "BOS",
    *numbered("x", 3),
    *numbered("y", 3),
    *numbered("k", 4),
    *("=", ".", "no", "yes"),
    *numbered("n", 5),
)

PROCESSES: Mapping[str, ProcessSpec] = {
    "masks": ProcessSpec(
        ("BOS", *numbered("P", 5), "a", "b", "c"), 64, "corpora.processes.masks:masks_process",
        analyses=(
            "spectroscopy", "decomposition", "belief", "swap", "recurrence", "fine_tuning",
        ),
        parameters=("law",),
    ),
    "tally": ProcessSpec(
        TALLY_VOCABULARY, 64, "corpora.processes.tally:tally_process",
        analyses=("belief", "recurrence"),
    ),
    "tally1": ProcessSpec(
        TALLY_VOCABULARY, 64, "corpora.processes.tally:tally1_process",
        analyses=("belief", "recurrence"),
        control_of="tally",
    ),
    "fork": ProcessSpec(
        FORK_VOCABULARY, 13, "corpora.processes.fork:fork_process", analyses=("rule_choice",),
        parameters=("answered", "exchanged"),
    ),
    "recall": ProcessSpec(
        ("BOS", *numbered("K", 8), *numbered("V", 8)), 17, "corpora.processes.recall:recall_process"
    ),
    "lag": ProcessSpec(
        LAG_VOCABULARY, 18, "corpora.processes.lag:lag_process",
        analyses=("thinking",),
        parameters=("answer_format",),
        lengths={"direct": 18, "filler": 32, "steps": 32, "mixed": 32},
    ),
    "markov": ProcessSpec(("BOS", *numbered("", 8)), 64, "corpora.processes.chains:markov_process"),
    "mess3": ProcessSpec(
        ("BOS", "a", "b", "c"), 64, "corpora.processes.chains:mess3_process",
        analyses=("decomposition", "belief", "recurrence"),
    ),
    "rrxor": ProcessSpec(
        ("BOS", "0", "1"), 64, "corpora.processes.chains:rrxor_process",
        analyses=("belief", "recurrence"),
    ),
    "hierarchy": ProcessSpec(
        ("BOS", *numbered("s", 8)), 17, "corpora.processes.hierarchy:hierarchy_process"
    ),
    "steer": ProcessSpec(
        STEER_VOCABULARY, 7, "corpora.processes.steer:steer_process", analyses=("steering",),
    ),
    "steer-rare": ProcessSpec(
        STEER_VOCABULARY, 7, "corpora.processes.steer:rare_process", analyses=("steering",),
    ),
    "steer-easy": ProcessSpec(
        STEER_VOCABULARY, 7, "corpora.processes.steer:easy_process", analyses=("steering",),
    ),
    "steer-hard": ProcessSpec(
        STEER_VOCABULARY, 7, "corpora.processes.steer:hard_process", analyses=("steering",),
    ),
}  # fmt: skip
