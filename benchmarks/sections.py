"""Write one of the tables of a Markdown file, and leave the others as they are."""

import re
from pathlib import Path


def write(path, lines):
    """Put a section, whose first line is its heading, in the place of that with the same heading, or at the end."""
    path, own = Path(path), "\n".join(lines).strip()
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = [s.strip() for s in re.split(r"^(?=# )", text, flags=re.MULTILINE) if s.strip()]
    headings = [s.splitlines()[0] for s in sections]
    if lines[0] in headings:
        sections[headings.index(lines[0])] = own
    else:
        sections.append(own)
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
