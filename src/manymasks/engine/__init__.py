"""Run any stage: what is missing, in which processes, with which device, log and lock."""
