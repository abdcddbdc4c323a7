"""
Members scored on the documents of select and measure.

Members of one shape are scored together where `machine.stack` is above 1.

REQUIRED INPUTS
    results/training/<key>/manifest.json
    results/tokens/<key>/manifest.json
    for a member of a local variant also the training of its past

OUTPUTS
    results/evaluation/<key>/manifest.json
        sums.npz   loss by document and position
        tables/model_loss.parquet, tables/document_loss.parquet, tables/position_loss.parquet
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


for stack in stacks("evaluation"):

    rule:
        name:
            stack.name
        input:
            stack.inputs,
        output:
            update(stack.outputs),
        log:
            stack.logs,
        conda:
            "../../envs/manymasks.yaml"
        threads: 1
        resources:
            mem_mb=4000 + 250 * len(stack.keys),
        params:
            members=stack.keys,
        shell:
            "manymasks run evaluation {params.members} --lines"
