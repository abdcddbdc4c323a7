"""The reference of errors: read from the source, and complete."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from manymasks import cli
from manymasks.documentation import errors_page, messages
from manymasks.engine import interrupts

ROOT = Path(__file__).parents[2]


def calls_of_user_error() -> int:
    return sum(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "UserError"
        for path in messages.PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def only_message(source: str, module: str = "database/x") -> str:
    """The message of a module with this source."""
    tree = ast.parse(source)
    (argument,) = messages.message_arguments(module, tree, {})
    return messages.Message(module, messages.template_of(argument, {})).shown()


def test_a_message_is_read_with_what_varies() -> None:
    assert (
        only_message(
            "raise UserError(f'{path.parent}: has {len(rows)} rows. '\n"
            "    + (f'Did you mean {near[0]}? ' if near else '')\n"
            "    + f'There are: {\", \".join(names)}')"
        )
        == "<parent>: has <number> rows. [Did you mean <near>? ]There are: <names>"
    )


def test_a_choice_shows_both_texts() -> None:
    assert (
        only_message("UserError(f\"it {'is' if known else 'is not'} known\")")
        == "it (is | is not) known"
    )


def test_a_message_without_text_cannot_be_documented() -> None:
    with pytest.raises(messages.NoText, match=r"database/x.py line 1: UserError\(str\(error\)\)"):
        only_message("raise UserError(str(error))")


def test_nearly_every_error_has_a_message_of_its_own() -> None:
    """Fewer templates than calls only where two places write the same text."""
    raised = [
        message for message in messages.messages() if not message.module.startswith("config/")
    ]
    assert len(raised) >= calls_of_user_error() - 8


def test_messages_are_told_from_other_texts() -> None:
    assert messages.is_documented("results: there are no artifacts to verify")
    assert messages.is_documented(
        "config/config.yaml: training.step is not a setting. Did you mean training.steps? (line 3)"
        "\n"
        "config/config.yaml: seeds.init must rise, found [1, 0] (line 9)"
    )
    assert not messages.is_documented("something else happened")
    assert not messages.is_documented("results: there are no artifacts")


def test_every_message_is_on_the_page() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    assert page == errors_page.errors_page(cli.EXIT_STATUSES)
    assert page.count("\n- `") > 180
    for package in {message.module.partition("/")[0] for message in messages.messages()}:
        assert f"## {errors_page.SECTIONS[package][0]}\n" in page


def test_commands_end_with_documented_statuses() -> None:
    tree = ast.parse((messages.PACKAGE / "cli.py").read_text(encoding="utf-8"))
    returned = {
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Return)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int)
    }
    # argparse ends with 2 itself.
    assert returned | {2, interrupts.STATUS} == set(cli.EXIT_STATUSES)
    done = subprocess.run(
        [sys.executable, "-m", "manymasks", "no-command"], capture_output=True, check=False
    )
    assert done.returncode == 2
