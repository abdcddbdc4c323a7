"""
Members of one shape that one process makes together, where `hardware.stack` is above 1: a rule
for each stack, beside the stage's rule for a single member.

REQUIRED INPUTS
    results/<stage>/<key>/manifest.json of what each member is made from

OUTPUTS
    results/<stage>/<key>/manifest.json of each member
"""

for stack in STUDY.stacks():

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
            mem_mb=stack.mem_mb,
        params:
            members=stack.keys,
        message:
            stack.activity
        shell:
            f"manymasks run {stack.stage} {{params.members}} --lines"
