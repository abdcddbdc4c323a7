# Entry point: `snakemake --cores all` in this folder runs the study of config/config.yaml.
# A rule file included from here does not set the default target, so it is named.
include: "workflow/Snakefile"


workflow.default_target = "all"
