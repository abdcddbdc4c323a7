"""
One rule per stage of the catalogue (src/manymasks/catalogue.py), named after its stage. The rules
differ only in stage and memory; `report`, which has more outputs, has its own file.

REQUIRED INPUTS
    results/<stage>/<key>/manifest.json of each artifact that this one is made from

OUTPUTS
    results/<stage>/<key>/manifest.json, with the payload beside it (docs/reference/stages.md)
"""

# Directives are evaluated while the loop runs, and `made_from` and `activity` keep their argument.
# A job evaluates the shell line after the loop has ended, so the line may not name `stage`.
for stage in STAGES.values():
    if stage.name != "report":

        rule:
            name:
                stage.name
            input:
                made_from(stage.name),
            output:
                update(f"results/{stage.name}/{{key}}/manifest.json"),
            log:
                f"results/{stage.name}/{{key}}/log.txt",
            wildcard_constraints:
                key=STUDY.pattern(stage.name),
            priority: priority(stage.name)
            conda:
                "../../envs/manymasks.yaml"
            threads: 1
            resources:
                **STUDY.resources(stage.name),
            params:
                program=PROGRAM,
                stage=stage.name,
                activity=activity(stage.name),
            message:
                "{params.activity}"
            shell:
                "{params.program} run {params.stage} {wildcards.key} --lines"
