"""
Models that fit equally well: candidates, sets, how large they are and how differently they behave.

REQUIRED INPUTS
    results/training/<key>/manifest.json      of parents         (candidates)
                                              of every member    (multiplicity, volume)
    results/evaluation/<key>/manifest.json    of every member    (rashomon, funnel)
    results/candidates/<key>/manifest.json    of every class     (rashomon, multiplicity)
    results/rashomon/<key>/manifest.json                         (multiplicity)
    results/divergence/<key>/manifest.json    of every probe     (funnel)
    results/tokens/<key>/manifest.json                           (candidates, multiplicity, volume)
    results/tokenizer/<key>/manifest.json                        (multiplicity)

OUTPUTS
    results/candidates/<key>/manifest.json
        sums.npz   loss of derived members by document and position
        tables/model.parquet, model_loss.parquet
    results/rashomon/<key>/manifest.json
        sets.json   members of each set, and sets of resamples, for multiplicity
        tables/rashomon_set.parquet, rashomon_member.parquet, rashomon_metric.parquet,
        rashomon_curve_point.parquet, contrast.parquet
    results/multiplicity/<key>/manifest.json
        tables/rashomon_metric.parquet, position_multiplicity.parquet, set_weight.parquet,
        headroom.parquet, variance_component.parquet, contrast.parquet
    results/volume/<key>/manifest.json
        tables/local_volume.parquet, contrast.parquet
    results/funnel/<key>/manifest.json
        tables/funnel_constraint.parquet, funnel_step.parquet, pattern.parquet
"""


rule candidates:
    input:
        made_from("candidates"),
    output:
        update("results/candidates/{key}/manifest.json"),
    log:
        "results/candidates/{key}/log.txt",
    wildcard_constraints:
        key=keys("candidates"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run candidates {wildcards.key} --lines"


rule rashomon:
    input:
        made_from("rashomon"),
    output:
        update("results/rashomon/{key}/manifest.json"),
    log:
        "results/rashomon/{key}/log.txt",
    wildcard_constraints:
        key=keys("rashomon"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run rashomon {wildcards.key} --lines"


rule multiplicity:
    input:
        made_from("multiplicity"),
    output:
        update("results/multiplicity/{key}/manifest.json"),
    log:
        "results/multiplicity/{key}/log.txt",
    wildcard_constraints:
        key=keys("multiplicity"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run multiplicity {wildcards.key} --lines"


rule volume:
    input:
        made_from("volume"),
    output:
        update("results/volume/{key}/manifest.json"),
    log:
        "results/volume/{key}/log.txt",
    wildcard_constraints:
        key=keys("volume"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run volume {wildcards.key} --lines"


rule funnel:
    input:
        made_from("funnel"),
    output:
        update("results/funnel/{key}/manifest.json"),
    log:
        "results/funnel/{key}/log.txt",
    wildcard_constraints:
        key=keys("funnel"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run funnel {wildcards.key} --lines"
