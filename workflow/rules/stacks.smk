"""
One rule per stack: members of one shape that one process makes together (`hardware.stack`). A
member without a stack is made by the rule of its stage.

REQUIRED INPUTS
    results/<stage>/<key>/manifest.json of each artifact that a member is made from

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
        priority: stack.priority
        group:
            group_of(OPTIONS, stack.stage)
        conda:
            "../../envs/manymasks.yaml"
        threads: 1
        resources:
            mem_mb=stack.mem_mb,
        params:
            program=PROGRAM,
            stage=stack.stage,
            members=stack.keys,
        message:
            stack.activity
        shell:
            "{params.program} run {params.stage} {params.members} --lines"
