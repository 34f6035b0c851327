"""Text from outside, made fit to be shown: what somebody typed can't reorder, hide or break what is beside it."""

import re

REPLACED = "\ufffd"
LONGEST = 5_000
LONGEST_LINE = 500
LONGEST_BLOCK = 4_000
# Controls but tab and newline; embeddings, overrides and isolates of writing direction; halves of letters; what ends a
# line or starts a command in a terminal.
_NEVER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066\u2067\ud800-\udfff]")
_ISOLATES = re.compile("[\u2068\u2069]")
_BREAKS = re.compile("[\t\n]+")
# Hebrew, Arabic and their neighbours, in all planes where they are.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")
FIRST, LAST = "\u2068", "\u2069"


def shown(text: str, longest: int = LONGEST) -> str:
    """The text with a mark in place of each control character, cut off where nobody reads any more."""
    if len(text) > longest:
        text = f"{text[:longest]}…"
    text = _NEVER.sub(REPLACED, text.replace("\r\n", "\n"))
    if _ISOLATES.search(text) and not _balanced(text):
        text = _ISOLATES.sub(REPLACED, text)
    return text


def in_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The same on one line."""
    if len(text) <= longest and text.isascii() and text.isprintable():
        return text  # most cells of most tables
    if len(text) > longest:
        text = f"{text[:longest]}…"
    return shown(_BREAKS.sub(" ", text.replace("\r\n", "\n")))


def isolated(text: str) -> str:
    """Somebody's text in a sentence of ours: one that is written from right to left leaves the rest in its order."""
    clean = _ISOLATES.sub(REPLACED, in_line(text))
    return f"{FIRST}{clean}{LAST}" if _RIGHT_TO_LEFT.search(clean) else clean


def _balanced(text: str) -> bool:
    """Whether each isolate that was begun is ended, and none is ended that was not begun."""
    depth = 0
    for mark in _ISOLATES.findall(text):
        depth += 1 if mark == FIRST else -1
        if depth < 0:
            return False
    return depth == 0


def in_short_lines(text: str, longest: int = LONGEST_BLOCK) -> str:
    """Everything, for a field to read in. A single line of a megabyte would hold the window up for seconds."""
    lines = shown(text, len(text)).split("\n")
    return "\n".join(line[start : start + longest] for line in lines for start in range(0, max(1, len(line)), longest))
