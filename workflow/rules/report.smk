"""
The page, and the figures it is made of.

REQUIRED INPUTS
    results/database/<key>/manifest.json

OUTPUTS
    results/report/<key>/manifest.json
        report.html   linked as results/report.html
        headline.png
        sets.png      (where sets were held together)
        probes.png    (where probes go further than text as it is)
        known.png     (where a corpus is drawn from a known process)
    `snakemake --report` shows the page and the picture too; they are declared then only, since
    a manifest is all that a run may rely on.
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
            for name, content in STUDY.shown_in_reports
        ],
    log:
        "results/report/{key}/log.txt",
    wildcard_constraints:
        key=STUDY.pattern("report"),
    conda:
        "../../envs/manymasks.yaml"
    threads: 1
    params:
        activity=activity("report"),
    message:
        "{params.activity}"
    shell:
        "manymasks run report {wildcards.key} --lines"
