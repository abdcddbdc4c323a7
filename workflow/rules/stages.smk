"""
One rule for each stage of the catalogue (src/manymasks/catalogue.py), whose jobs differ in
nothing but their stage and key. `report` has a rule file of its own.

REQUIRED INPUTS
    results/<stage>/<key>/manifest.json of what the artifact is made from

OUTPUTS
    results/<stage>/<key>/manifest.json, and beside it the payload: see docs/reference/stages.md
"""

# Each directive is evaluated here, while the loop runs; functions close over their argument.
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
            conda:
                "../../envs/manymasks.yaml"
            threads: 1
            resources:
                **STUDY.resources(stage.name),
            params:
                activity=activity(stage.name),
            message:
                "{params.activity}"
            shell:
                f"manymasks run {stage.name} {{wildcards.key}} --lines"
