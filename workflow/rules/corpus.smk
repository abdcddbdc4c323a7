"""
Documents, split into train, select and measure.

REQUIRED INPUTS
    none from other rules; installed packages, local files or downloads, as the study says

OUTPUTS
    results/corpus/<key>/manifest.json
    results/process/<key>/manifest.json     (documents drawn from a known process)
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


rule process:
    input:
        made_from("process"),
    output:
        update("results/process/{key}/manifest.json"),
    log:
        "results/process/{key}/log.txt",
    wildcard_constraints:
        key=keys("process"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run process {wildcards.key} --lines"
