"""
One member: from its two seeds to its weights.

REQUIRED INPUTS
    results/tokens/<key>/manifest.json

OUTPUTS
    results/training/<key>/manifest.json
        weights.safetensors
        tables/model.parquet, tables/training_curve.parquet
    While it runs, state/ holds what a killed training goes on from.
"""


rule training:
    input:
        made_from("training"),
    output:
        update("results/training/{key}/manifest.json"),
    log:
        "results/training/{key}/log.txt",
    wildcard_constraints:
        key=keys("training"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run training {wildcards.key} --lines"
