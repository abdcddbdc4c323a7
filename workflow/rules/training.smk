"""
The learning rate of an arm, and members: each from its two seeds to its weights.

Members of one shape are trained together where `machine.stack` is above 1: a rule for each
stack, beside the rule for one.

REQUIRED INPUTS
    results/tokens/<key>/manifest.json
    results/tuning/<key>/manifest.json      (of an arm whose learning rate is to be found)
    results/training/<key>/manifest.json    (of a local variant: the model of its past;
                                             of one that starts from another's weights: that one)

OUTPUTS
    results/tuning/<key>/manifest.json
        tables/tuning.parquet
    results/training/<key>/manifest.json
        weights.safetensors
        weights-<step>.safetensors   earlier ones, where training.late asks for them
        tables/model.parquet, tables/training_curve.parquet
    While they run, state/ holds what a killed job goes on from.
"""


rule tuning:
    input:
        made_from("tuning"),
    output:
        update("results/tuning/{key}/manifest.json"),
    log:
        "results/tuning/{key}/log.txt",
    wildcard_constraints:
        key=keys("tuning"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run tuning {wildcards.key} --lines"


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


for stack in stacks("training"):

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
            "manymasks run training {params.members} --lines"
