"""Tab completion of commands, options, stages and example queries, for bash and zsh."""

import argparse

from manymasks.catalogue import STAGES
from manymasks.database.queries import examples

SCRIPT = """\
if [ -n "${ZSH_VERSION-}" ]; then
    whence compdef > /dev/null || { autoload -Uz compinit && compinit -i; }
    autoload -U +X bashcompinit && bashcompinit
fi
_manymasks() {
    local words=""
    case "${COMP_WORDS[COMP_CWORD-1]}" in
%s
        *) case "$COMP_CWORD:${COMP_WORDS[1]}" in
            1:*) words="%s" ;;
%s
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _manymasks manymasks
"""


def script(parser: argparse.ArgumentParser) -> str:
    """A shell function that completes the commands of `parser`."""
    commands = subcommands(parser)
    values = {
        "--example": [entry.name for entry in examples()],
        "--stage": list(STAGES),
        "run": list(STAGES),
    }
    options: dict[str, list[str]] = {}
    for name, command in commands.items():
        options[name] = []
        for action in command._actions:
            options[name] += [text for text in action.option_strings if text.startswith("--")]
            for text in action.option_strings if action.choices else ():
                values[text] = [str(choice) for choice in action.choices or ()]
    return SCRIPT % (
        "\n".join(_case(name, words) for name, words in values.items()),
        " ".join(commands),
        "\n".join(_case(f"*:{name}", words) for name, words in options.items()),
    )


def _case(pattern: str, words: list[str]) -> str:
    return f'        {pattern}) words="{" ".join(words)}" ;;'


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
