"""The README and the docs page, read as what they promise: their code blocks, sections and tables."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGE = ROOT / "docs/integrations/sources/kore-llm-logs.md"


def section(document: Path, heading: str) -> str:
    """The text from a heading to the next of its own or a higher level, code blocks not mistaken for headings."""
    lines, found, level, fenced = document.read_text().splitlines(), [], 0, False
    for line in lines:
        fenced ^= line.lstrip().startswith("```")
        mark = None if fenced else re.match(r"(#+) (.*)", line)
        if mark and level and len(mark[1]) <= level:
            break
        if mark and mark[2] == heading:
            level = len(mark[1])
        if level:
            found.append(line)
    assert found, f"{document.name} has no section {heading!r}"
    return "\n".join(found)


def blocks(text: str) -> list[str]:
    """The fenced code blocks, in order."""
    return re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)


def block(document: Path, heading: str, holding: str) -> str:
    """The one code block of a section that holds a text."""
    (found,) = [one for one in blocks(section(document, heading)) if holding in one]
    return found


def headings(document: Path) -> list[str]:
    """All headings, with their marks."""
    return re.findall(r"^#+ .*$", re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S), re.M)


def table(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    rows = re.search(r"(?:^\|.*\n)+", text + "\n", re.M)
    assert rows, "no table"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[0].splitlines()[2:]]
