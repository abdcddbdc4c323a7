"""Settings that were renamed: an old name is refused with the new one."""

SETTINGS = {
    "candidates": "derived",
    "rules": "rule_choice",
    "machine": "hardware",
    "corpora.<name>.eps": "corpora.<name>.answered",
    "variants.<name>.of": "variants.<name>.past_from",
    "probes.<name>.candidates": "probes.<name>.population",
    "primary.<item>.of": "primary.<item>.subject",
    "primary.<item>.against": "primary.<item>.baseline",
    "truth.batch": "excess.batch",
    "truth.floor_batch": "excess.floor_batch",
    "truth.shares": "excess.shares",
}
"""New path by old path of the same depth, as `config.loading.settings_of` spells paths."""
_ANALYSES = {"candidates": "derived", "rules": "rule_choice"}
VALUES = {
    "analyses.<item>": _ANALYSES,
    "corpora.<name>.members.analyses.<item>": _ANALYSES,
    "probes.<name>.family": {"self": "self-written"},
}
"""New value by old value, by the path of the setting."""
