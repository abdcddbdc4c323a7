"""
A tokenizer, and the documents as tokens.

REQUIRED INPUTS
    results/corpus/<key>/manifest.json

OUTPUTS
    results/tokenizer/<key>/manifest.json
        tokenizer.json, tables/tokenizer.parquet
    results/tokens/<key>/manifest.json
        train-*.arrow, select-*.arrow, measure-*.arrow
"""


rule tokenizer:
    input:
        made_from("tokenizer"),
    output:
        update("results/tokenizer/{key}/manifest.json"),
    log:
        "results/tokenizer/{key}/log.txt",
    wildcard_constraints:
        key=keys("tokenizer"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run tokenizer {wildcards.key} --lines"


rule tokens:
    input:
        made_from("tokens"),
    output:
        update("results/tokens/{key}/manifest.json"),
    log:
        "results/tokens/{key}/log.txt",
    wildcard_constraints:
        key=keys("tokens"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run tokens {wildcards.key} --lines"
