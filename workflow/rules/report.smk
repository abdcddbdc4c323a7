"""
The report page and its pictures.

REQUIRED INPUTS
    results/database/<key>/manifest.json

OUTPUTS
    results/report/<key>/manifest.json
        report.html   linked as results/report.html
        explorer.html linked as results/explorer.html
        headline.png
        sets.png      (if the study has multiplicity)
        probes.png    (if a probe has a severity above 0)
        processes.png (if a corpus is drawn from a process)
    `snakemake --report` shows the page and the headline. They are declared outputs only then: a
    run relies on the manifest alone.
"""


rule report:
    input:
        made_from("report"),
    output:
        update("results/report/{key}/manifest.json"),
        *[
            report(
                update(f"results/report/{{key}}/{name}"),
                caption="../report/page.rst",
                category="Study",
                labels={"content": content},
            )
            for name, content in STUDY.report_files
        ],
    log:
        "results/report/{key}/log.txt",
    wildcard_constraints:
        key=STUDY.pattern("report"),
    priority: priority("report")
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    params:
        program=PROGRAM,
        activity=activity("report"),
    message:
        "{params.activity}"
    shell:
        "{params.program} run report {wildcards.key} --lines"
