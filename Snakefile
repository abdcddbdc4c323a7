# Entry point: `snakemake --cores all` in this folder runs the study of config/config.yaml.
# Rules of an included file do not set the default target, so it is set here.
include: "workflow/Snakefile"


workflow.default_target = "all"
