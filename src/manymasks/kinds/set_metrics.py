"""Metrics of a set of models, a row each: their labels and what they mean.

To add one, add a row here and its computation: by position in `multiplicity.position_metrics`, by
pair of members in `spread.PAIR_MEANS`, `spread.MAXIMA` or `spread.PAIR_MAXIMA`. The analyses do
not read this table, so a label changes no key but that of the report.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric of a set, measured on the measure split."""

    name: str
    """As in the column `metric` of `rashomon_metric`."""
    label: str
    """For an axis."""
    unit: str
    meaning: str
    """For a caption or a comment."""
    can_only_grow: bool = False
    """With the number of members: a lower bound of what more members would show."""


TOKENS, NATS, P = "share of tokens", "nats per token", "probability"
COUNT, NONE = "number", ""

METRICS = {
    metric.name: metric
    for metric in (
        Metric("mean_nats", "mean loss", NATS, "Mean over members of the loss"),
        Metric("sd_nats", "sd of the loss", NATS, "Standard deviation over members of the loss"),
        Metric("document_sd_nats", "sd of a document's loss", NATS,
            "Sd over members of a document's loss per token, averaged over tokens"),
        Metric("ambiguity", "ambiguity", TOKENS,
            "A member ranks another token first than the best (Marx, Calmon & Ustun 2020)", True),
        Metric("ambiguity_top_k", "ambiguity of the top k", TOKENS,
            "A member has other first k tokens than the best one", True),
        Metric("ambiguity_tv", "ambiguity by total variation", TOKENS,
            "The total variation of a member from the best one reaches the threshold", True),
        Metric("pair_ambiguity", "any two differ", TOKENS,
            "Any two members rank different tokens first", True),
        Metric("pair_range", "largest total variation", NONE,
            "Largest of two members, averaged over tokens (nu of Albini et al.)", True),
        Metric("vote_disagreement", "vote disagreement", TOKENS,
            "Pairs of members that rank different tokens first: m/(m-1) (1 - sum_v f_v^2)"),
        Metric("distinct_top1", "distinct first tokens", COUNT,
            "Different first-ranked tokens, averaged over tokens", True),
        Metric("p_low", "lowest p", P, "Lowest p of the true token; can only fall with members"),
        Metric("p_high", "highest p", P, "Highest p of the true token", True),
        Metric("p_range", "range of p", P,
            "Viable prediction range (Watson-Daniels, Parkes & Ustun 2023)", True),
        Metric("log_p_low", "lowest ln p", NATS,
            "Lowest ln p of the true token; can only fall with members"),
        Metric("log_p_high", "highest ln p", NATS, "Highest ln p of the true token", True),
        Metric("log_p_range", "range of ln p", NATS, "Viable prediction range of ln p", True),
        Metric("p_variance", "variance of p", NONE, "Variance over members of p of the true token"),
        Metric("log_p_variance", "variance of ln p", NONE,
            "Variance over members of ln p of the true token, nats^2"),
        Metric("information", "information", NATS,
            "Between token and member, equal weights: H(mean p) - mean H(p)"),
        Metric("capacity", "capacity", NATS,
            "Rashomon capacity: the information at its best weights (Hsu & Calmon 2022)", True),
        Metric("capacity_gap", "gap of the capacity", NATS, "Certified gap of the capacity"),
        Metric("effective_models", "effective models", COUNT,
            "exp(capacity): members, each certain of a different token, with that capacity", True),
        Metric("ensemble_gain", "gain by averaging", NATS,
            "Mean loss of the members minus the loss of their mean law"),
        Metric("shared_capacity", "shared capacity", NATS,
            "Capacity of one mixture for all positions", True),
        Metric("shared_capacity_gap", "gap of the shared capacity", NATS,
            "Certified gap of the shared capacity"),
        Metric("kl", "KL of a pair", NATS, "Mean KL over pairs of members"),
        Metric("tv", "total variation of a pair", NONE,
            "Mean total variation over pairs of members"),
        Metric("top1_disagreement", "other first token", TOKENS,
            "Two members rank different tokens first, averaged over pairs"),
        Metric("top_k_disagreement", "other first k tokens", TOKENS,
            "Two members have different first k tokens, averaged over pairs"),
        Metric("tv_disagreement", "large total variation", TOKENS,
            "The total variation of two members reaches the threshold, averaged over pairs"),
        Metric("discrepancy", "discrepancy", TOKENS,
            "One member ranks another token first than the best, largest over members", True),
        Metric("discrepancy_top_k", "discrepancy of the top k", TOKENS,
            "One member has other first k tokens than the best, largest over members", True),
        Metric("discrepancy_tv", "discrepancy by total variation", TOKENS,
            "One member is at the threshold from the best, largest over members", True),
        Metric("pair_discrepancy", "discrepancy of a pair", TOKENS,
            "Two members rank different tokens first, largest over pairs", True),
        Metric("pair_diameter", "diameter", NONE,
            "Largest mean total variation of a pair (omega of Albini et al., at most nu)", True),
        Metric("tokens_to_tell_apart", "tokens to tell apart", COUNT,
            "Tokens until the odds are 20 as to which of two members wrote a text: ln 20 / KL"),
    )
}  # fmt: skip
