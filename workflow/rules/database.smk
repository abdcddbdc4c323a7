"""
Every artifact there is, in one DuckDB file.

REQUIRED INPUTS
    the manifests of all artifacts of the study

OUTPUTS
    results/database/<key>/manifest.json
        manymasks.duckdb   linked as results/manymasks.duckdb
"""


rule database:
    input:
        made_from("database"),
    output:
        update("results/database/{key}/manifest.json"),
    log:
        "results/database/{key}/log.txt",
    wildcard_constraints:
        key=keys("database"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run database {wildcards.key} --lines"
