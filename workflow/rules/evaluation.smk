"""
One member scored on the documents of select and measure, and the contexts of a probe.

REQUIRED INPUTS
    results/training/<key>/manifest.json
    results/tokens/<key>/manifest.json

OUTPUTS
    results/evaluation/<key>/manifest.json
        sums.npz   loss by document and position
        tables/model_loss.parquet, tables/document_loss.parquet, tables/position_loss.parquet
    results/probe/<key>/manifest.json
        contexts.npz, tables/probe.parquet
"""


rule evaluation:
    input:
        made_from("evaluation"),
    output:
        update("results/evaluation/{key}/manifest.json"),
    log:
        "results/evaluation/{key}/log.txt",
    wildcard_constraints:
        key=keys("evaluation"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run evaluation {wildcards.key} --lines"


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
