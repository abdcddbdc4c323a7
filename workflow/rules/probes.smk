"""
Contexts further and further from text, and how differently members behave there.

REQUIRED INPUTS
    results/tokens/<key>/manifest.json        (all but divergence and severity)
    results/tokenizer/<key>/manifest.json     (probe, divergence, rollout)
    results/training/<key>/manifest.json      of every member        (divergence, rollout,
                                                                      representation)
                                              of reference seeds     (sampled, divergence)
                                              of half of the seeds   (search)
    results/corpus/<key>/manifest.json        of another corpus      (probe)
    results/{probe,sampled,search}/<key>/manifest.json               (divergence, severity)
    results/divergence/<key>/manifest.json    of every probe         (severity)

OUTPUTS
    results/{probe,sampled,search}/<key>/manifest.json
        contexts.npz, tables/probe.parquet, tables/probe_distance.parquet
        of a search also tables/search_step.parquet
    results/divergence/<key>/manifest.json
        sums.npz   sums by document, pair and member at each severity
        tables/model_probe.parquet, pair_divergence.parquet, pool_divergence.parquet,
        behaviour_component.parquet, probe_item.parquet, calibration_bin.parquet,
        position_divergence.parquet, probe_distance.parquet, noise_floor.parquet, contrast.parquet
    results/severity/<key>/manifest.json
        tables/severity_trend.parquet, line_fit.parquet, line_residual.parquet, contrast.parquet
    results/rollout/<key>/manifest.json
        tables/rollout.parquet, first_divergence.parquet, agreement_survival.parquet,
        rollout_pool.parquet, sequence_divergence.parquet
    results/representation/<key>/manifest.json
        tables/representation_similarity.parquet, representation_pool.parquet
"""


rule probe:
    input:
        made_from("probe"),
    output:
        update("results/probe/{key}/manifest.json"),
    log:
        "results/probe/{key}/log.txt",
    wildcard_constraints:
        key=keys("probe"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run probe {wildcards.key} --lines"


rule sampled:
    input:
        made_from("sampled"),
    output:
        update("results/sampled/{key}/manifest.json"),
    log:
        "results/sampled/{key}/log.txt",
    wildcard_constraints:
        key=keys("sampled"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run sampled {wildcards.key} --lines"


rule search:
    input:
        made_from("search"),
    output:
        update("results/search/{key}/manifest.json"),
    log:
        "results/search/{key}/log.txt",
    wildcard_constraints:
        key=keys("search"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run search {wildcards.key} --lines"


rule divergence:
    input:
        made_from("divergence"),
    output:
        update("results/divergence/{key}/manifest.json"),
    log:
        "results/divergence/{key}/log.txt",
    wildcard_constraints:
        key=keys("divergence"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run divergence {wildcards.key} --lines"


rule severity:
    input:
        made_from("severity"),
    output:
        update("results/severity/{key}/manifest.json"),
    log:
        "results/severity/{key}/log.txt",
    wildcard_constraints:
        key=keys("severity"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run severity {wildcards.key} --lines"


rule rollout:
    input:
        made_from("rollout"),
    output:
        update("results/rollout/{key}/manifest.json"),
    log:
        "results/rollout/{key}/log.txt",
    wildcard_constraints:
        key=keys("rollout"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run rollout {wildcards.key} --lines"


rule representation:
    input:
        made_from("representation"),
    output:
        update("results/representation/{key}/manifest.json"),
    log:
        "results/representation/{key}/log.txt",
    wildcard_constraints:
        key=keys("representation"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run representation {wildcards.key} --lines"
