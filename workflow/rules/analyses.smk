"""
What the members have in common and what they do not: one job for all members of a corpus.

REQUIRED INPUTS
    results/evaluation/<key>/manifest.json of every member   (myopia)
    results/training/<key>/manifest.json of every member     (myopia)
    results/training/<key>/manifest.json of causal members   (gradient)
    results/tokens/<key>/manifest.json                       (floor, gradient)
    results/floor/<key>/manifest.json                        (myopia)

OUTPUTS
    results/floor/<key>/manifest.json
        sums.npz   loss of counts of tokens and of pairs, by document and position
        tables/floor_loss.parquet, floor_position_loss.parquet
    results/gradient/<key>/manifest.json
        tables/myopia_gradient.parquet
    results/myopia/<key>/manifest.json
        tables/myopia_gap.parquet, myopia_arm.parquet, myopia_part.parquet, myopia_curve.parquet,
        myopia_horizon.parquet, contrast.parquet
"""


rule floor:
    input:
        made_from("floor"),
    output:
        update("results/floor/{key}/manifest.json"),
    log:
        "results/floor/{key}/log.txt",
    wildcard_constraints:
        key=keys("floor"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run floor {wildcards.key} --lines"


rule gradient:
    input:
        made_from("gradient"),
    output:
        update("results/gradient/{key}/manifest.json"),
    log:
        "results/gradient/{key}/log.txt",
    wildcard_constraints:
        key=keys("gradient"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "manymasks run gradient {wildcards.key} --lines"


rule myopia:
    input:
        made_from("myopia"),
    output:
        update("results/myopia/{key}/manifest.json"),
    log:
        "results/myopia/{key}/log.txt",
    wildcard_constraints:
        key=keys("myopia"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    shell:
        "manymasks run myopia {wildcards.key} --lines"
