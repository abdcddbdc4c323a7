"""Processes by name."""

import functools
import pkgutil
from typing import Any

from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.processes.process import BOS, Process, process_from_machine, with_bos
from manymasks.kinds.processes import PROCESSES


@functools.cache
def process(name: str, **parameters: Any) -> Process:
    """The process of a name, made once, with the parameters that its row names.

    A maker may return a bare `Machine`. It gets a BOS if it has none, the document length of its
    row, and its latents become the posteriors. Raises KeyError for an unknown name, and ValueError
    for a parameter that the process does not take, or a value out of its range.
    """
    spec = PROCESSES[name]
    for parameter in parameters:
        if parameter not in spec.parameters:
            raise ValueError(f"{parameter} is not a parameter of the process {name}")
    made = pkgutil.resolve_name(f"manymasks.{spec.maker}")(**parameters)
    if isinstance(made, Process):
        return made
    return process_from_machine(made if made.vocabulary[0] == BOS else with_bos(made), spec.length)


def process_of_corpus(settings: ProcessCorpus) -> Process:
    """The process that a corpus is drawn from, with its parameters."""
    names = PROCESSES[settings.process].parameters
    return process(settings.process, **{name: getattr(settings, name) for name in names})
