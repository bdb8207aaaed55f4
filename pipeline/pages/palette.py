"""The colours of every page and every picture, each for a light and for a dark screen, written once."""

from collections.abc import Mapping

PALETTE: Mapping[str, tuple[str, str]] = {
    # What a page is made of.
    "page": ("#ffffff", "#14171b"),
    "raised": ("#f5f6f8", "#1d2126"),
    "text": ("#1b1f24", "#e6e9ed"),
    "quiet": ("#59636e", "#a0a9b4"),
    "rule": ("#d5dae0", "#363d46"),
    "line": ("#a9b0b9", "#6a737e"),
    "grid": ("#e4e7ec", "#2b3138"),
    "link": ("#0060a8", "#76bdf0"),
    "warning": ("#fff4e0", "#33260f"),
    "warning-edge": ("#c77700", "#e0962b"),
    # What is good or bad.
    "good": ("#00704f", "#4fd1a5"),
    "doubtful": ("#8f5600", "#e5b05c"),
    "bad": ("#b3261e", "#ff8a80"),
    # Series, after Okabe and Ito's colour-blind safe set; dark enough on white to be told apart as thin lines.
    "blue": ("#0072b2", "#56b4e9"),
    "orange": ("#d55e00", "#f08a4b"),
    "green": ("#009e73", "#2fc795"),
    "purple": ("#aa4499", "#d98cc9"),
    "yellow": ("#b58900", "#e3c04a"),
    "indigo": ("#4b3fae", "#a79df5"),
    "grey": ("#8a8f98", "#8a929c"),
}
"""Name to the colour on a light and on a dark page."""

LIGHT: Mapping[str, str] = {name: light for name, (light, _) in PALETTE.items()}
"""Name to the colour on white, as files for papers have it."""


def rgb(name: str) -> tuple[int, int, int]:
    """Red, green and blue of a light colour, each 0 to 255, for libraries that draw pixels.

    >>> rgb("page")
    (255, 255, 255)
    """
    digits = LIGHT[name].removeprefix("#")
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def custom_properties() -> str:
    """The palette as CSS: `var(--blue)` is blue in either scheme."""
    light, dark = ("".join(f" --{name}: {pair[of]};" for name, pair in PALETTE.items()) for of in (0, 1))
    return (
        f":root {{ color-scheme: light dark;{light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n"
    )
