"""
Documents, split into train, select and measure.

REQUIRED INPUTS
    none from other rules; installed packages, local files or downloads, as the study says

OUTPUTS
    results/corpus/<key>/manifest.json
        documents.parquet   id, source, split, text
        tables/corpus.parquet
"""


rule corpus:
    input:
        made_from("corpus"),
    output:
        update("results/corpus/{key}/manifest.json"),
    log:
        "results/corpus/{key}/log.txt",
    wildcard_constraints:
        key=keys("corpus"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run corpus {wildcards.key} --lines"
