"""Lists the benchmarks, and runs none.

A benchmark is a module whose docstring has a question in its first line and then, indented, a
command and a comment that says how long it takes. The list is made of these lines. That of
`benchmarks/README.md` is a copy of it.
"""

import ast
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).parent


def benchmarks():
    """Yield (folder, question, command, duration) for each benchmark, sorted by path."""
    for path in sorted(FOLDER.glob("*/*.py")):
        lines = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()
        command = next((line.strip() for line in lines if line.startswith("    ")), None)
        if command is not None:
            command, _, duration = command.partition("    # ")
            yield path.parent.name, lines[0], command, duration


def listing():
    """Markdown: a heading for each folder, and an item for each benchmark."""
    lines = []
    for folder, group in groupby(benchmarks(), key=lambda benchmark: benchmark[0]):
        lines += [f"## {folder}", ""]
        lines += [f"- {question} ({t})\n  `{command}`" for _, question, command, t in group]
        lines += [""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(listing())
