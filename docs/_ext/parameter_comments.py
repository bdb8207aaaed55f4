"""The comments of `params.yaml`, which the reference of parameters is made from."""

import re

SECTION = re.compile(r"^(\w+):\s*$")
KEY = re.compile(r"^  (\w+):")
ABOVE = re.compile(r"^  # (.*)$")
COMMENT = re.compile(r"(?:^|\s)#\s?(.*)$")


def read_comments(text: str) -> dict[str, str]:
    r"""The comment of each key, by `section.key`.

    It stands behind the key's line and goes on below it, or stands above a key whose value takes several lines.

    >>> read_comments("a:\n  b: 1  # first\n       # second\n  # third\n  c:\n  - 2\n")
    {'a.b': 'first second', 'a.c': 'third'}
    """
    comments: dict[str, str] = {}
    section, name, above = "", "", ""
    for line in text.splitlines():
        if found := SECTION.match(line):
            section, name = found[1], ""
        elif found := ABOVE.match(line):
            above = f"{above} {found[1]}".strip()
            continue
        elif found := KEY.match(line):
            name = f"{section}.{found[1]}"
            comments[name], above = above, ""
        if name and (comment := COMMENT.search(line)):
            comments[name] = f"{comments[name]} {comment[1].strip()}".strip()
    return comments
