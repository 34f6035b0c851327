"""The colours and sizes of both themes. Everything that is drawn takes its colour from here."""

from typing import NamedTuple


class Tokens(NamedTuple):
    """One theme. Pairs `x` / `x_soft` are a state's text and the ground it stands on."""

    name: str
    window: str
    surface: str
    raised: str
    sunken: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    accent_hover: str
    hover: str
    ok: str
    ok_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str
    unknown: str
    unknown_soft: str
    info: str
    info_soft: str
    chart: str
    sandbox: str
    test: str
    live: str
    on_bar: str
    bar_field: str


LIGHT = Tokens(
    name="light",
    window="#f5f7f9",
    surface="#ffffff",
    raised="#ffffff",
    sunken="#eceff3",
    border="#d8dde4",
    text="#18202b",
    muted="#566072",
    accent="#0c6f67",
    on_accent="#ffffff",
    accent_soft="#d7f0ec",
    accent_hover="#0a5d57",
    hover="#eef2f5",
    ok="#13693a",
    ok_soft="#dcf3e4",
    warn="#7d4a06",
    warn_soft="#fcefd2",
    bad="#a8201a",
    bad_soft="#fce3e0",
    unknown="#525c6d",
    unknown_soft="#e4e8ed",
    info="#1f4bb8",
    info_soft="#e0e9fd",
    chart="#12796f",
    sandbox="#0f6f67",
    test="#8f5206",
    live="#a3201a",
    on_bar="#ffffff",
    bar_field="rgba(0, 0, 0, 70)",
)

DARK = Tokens(
    name="dark",
    window="#13171d",
    surface="#1a1f27",
    raised="#222832",
    sunken="#161b22",
    border="#2e3641",
    text="#e7ebf1",
    muted="#9aa5b5",
    accent="#35cdb9",
    on_accent="#06201c",
    accent_soft="#143a37",
    accent_hover="#5adccb",
    hover="#232a34",
    ok="#5ddb8d",
    ok_soft="#14351f",
    warn="#f6c453",
    warn_soft="#3b2d0d",
    bad="#ff8a80",
    bad_soft="#451d1b",
    unknown="#a3adbb",
    unknown_soft="#272e38",
    info="#9dbbff",
    info_soft="#1d2c50",
    chart="#35cdb9",
    sandbox="#0e5d56",
    test="#7d4a0a",
    live="#8f1f1a",
    on_bar="#ffffff",
    bar_field="rgba(0, 0, 0, 80)",
)

# What stands on what, for the test that measures contrast.
TEXT_PAIRS = (
    *((text, ground) for text in ("text", "muted") for ground in ("window", "surface", "raised", "sunken", "hover")),
    ("text", "accent_soft"),
    ("accent", "surface"),
    ("accent", "accent_soft"),
    ("on_accent", "accent"),
    *((state, f"{state}_soft") for state in ("ok", "warn", "bad", "unknown", "info")),
    *((state, "surface") for state in ("ok", "warn", "bad", "unknown", "info")),
    *(("on_bar", environment) for environment in ("sandbox", "test", "live")),
)
