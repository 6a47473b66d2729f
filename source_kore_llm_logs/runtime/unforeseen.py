"""What is told of an exception that nobody foresaw: what it was and where, without what it was about.

The text of an exception may quote a row or a secret. So quoted text is left out, except where Python itself quotes the
names of types and attributes; and of the stack, only files, lines and functions are told.
"""

import re
import traceback
from pathlib import PurePath

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_kore_llm_logs.errors import Fault

LONGEST_TEXT = 200
FRAMES = 8
ABOUT_NAMES = ("AttributeError", "ImportError", "ModuleNotFoundError", "NameError", "TypeError")
NAME_OR_OTHER_QUOTED = re.compile(r"'(?P<name>[A-Za-z_][\w.]{0,60})'|'.*'|\".*\"|\[.*\]|\{.*\}", re.DOTALL)
FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


def unforeseen(error: BaseException) -> Fault:
    """A system error in a sentence, for an exception that is none of ours."""
    return Fault(_sentence(type(error).__name__, str(error)), FailureType.system_error)


def unforeseen_in_trace(kind: str, text: str | None) -> Fault:
    """The same, for an exception of which the CDK passes on its type's name and its text."""
    return Fault(_sentence(kind, text or ""), FailureType.system_error)


def log_line(error: BaseException) -> str:
    """What a maintainer needs: the exception, and the innermost frames of its stack, the innermost first."""
    stack = "".join(traceback.format_tb(error.__traceback__))
    frames = [f"{PurePath(m['file']).name}:{m['line']} {m['function']}" for m in FRAME.finditer(stack)]
    return f"Unforeseen: {_what(type(error).__name__, str(error))} in " + " < ".join(frames[::-1][:FRAMES])


def _sentence(kind: str, text: str) -> str:
    return (
        f"The connector failed in a way that was not foreseen: {_what(kind, text)}. "
        "Please send the line of the log that begins with 'Unforeseen' to the maintainers."
    )


def _what(kind: str, text: str) -> str:
    def shown(found: re.Match[str]) -> str:
        return found[0] if kind in ABOUT_NAMES and found["name"] else "…"

    text = NAME_OR_OTHER_QUOTED.sub(shown, filter_secrets(text)).strip().rstrip(".")
    return f"{kind}: {' '.join(text.split())[:LONGEST_TEXT]}" if text else kind
