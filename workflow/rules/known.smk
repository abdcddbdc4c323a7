"""
What only text of a known process allows: members held against its exact law, the masks that
speak in them, beliefs in their streams, the rules they chose, and what they do when a mask is
swapped.

REQUIRED INPUTS
    results/tokens/<key>/manifest.json
    results/training/<key>/manifest.json    (every member on the corpus)

OUTPUTS
    results/truth/<key>/manifest.json
        tables/process_truth.parquet, tables/capability_price.parquet,
        tables/excess_loss.parquet, tables/capability_kept.parquet, tables/priced_set.parquet,
        tables/priced_member.parquet, tables/demand_gap.parquet, tables/position_spread.parquet
    results/spectroscopy/<key>/manifest.json
        tables/mask_weights.parquet, tables/mask_fit.parquet, tables/mask_inertia.parquet,
        tables/mask_pair.parquet
    results/belief/<key>/manifest.json
        tables/belief_probe.parquet, tables/belief_point.parquet, tables/speculation.parquet,
        tables/speculation_auc.parquet
    results/rules/<key>/manifest.json
        tables/rule_choice.parquet, tables/rule_spread.parquet
    results/swap/<key>/manifest.json
        tables/mask_swap.parquet
"""


rule truth:
    input:
        made_from("truth"),
    output:
        update("results/truth/{key}/manifest.json"),
    log:
        "results/truth/{key}/log.txt",
    wildcard_constraints:
        key=keys("truth"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run truth {wildcards.key} --lines"


rule spectroscopy:
    input:
        made_from("spectroscopy"),
    output:
        update("results/spectroscopy/{key}/manifest.json"),
    log:
        "results/spectroscopy/{key}/log.txt",
    wildcard_constraints:
        key=keys("spectroscopy"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run spectroscopy {wildcards.key} --lines"


rule belief:
    input:
        made_from("belief"),
    output:
        update("results/belief/{key}/manifest.json"),
    log:
        "results/belief/{key}/log.txt",
    wildcard_constraints:
        key=keys("belief"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run belief {wildcards.key} --lines"


rule rules:
    input:
        made_from("rules"),
    output:
        update("results/rules/{key}/manifest.json"),
    log:
        "results/rules/{key}/log.txt",
    wildcard_constraints:
        key=keys("rules"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run rules {wildcards.key} --lines"


rule swap:
    input:
        made_from("swap"),
    output:
        update("results/swap/{key}/manifest.json"),
    log:
        "results/swap/{key}/log.txt",
    wildcard_constraints:
        key=keys("swap"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run swap {wildcards.key} --lines"
