"""Both themes can be read: every text on every ground it stands on."""

from pathlib import Path

import pytest

from bioql_console.ui.theme import TOKEN
from bioql_console.ui.tokens import DARK, LIGHT, TEXT_PAIRS, Tokens

LEAST_CONTRAST = 4.5
SHEET = Path(__file__).parents[2] / "resources" / "theme" / "app.qss"


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS, ids="-on-".join)
def test_text_can_be_read(tokens: Tokens, text: str, ground: str) -> None:
    assert contrast(getattr(tokens, text), getattr(tokens, ground)) >= LEAST_CONTRAST


def test_contrast_is_measured_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < LEAST_CONTRAST


def test_the_sheet_uses_tokens_only() -> None:
    sheet = SHEET.read_text("utf-8")
    unknown = {name for name in TOKEN.findall(sheet) if name not in Tokens._fields}
    assert not unknown
    assert "#" not in "".join(line.split("{")[1] for line in sheet.splitlines() if "{" in line), "a colour in the sheet"
