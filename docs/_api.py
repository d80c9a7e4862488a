"""A table of the methods of a class, below the first sentence of its page."""


def _table(names):
    entries = (f"   ~{name}" for name in names)
    return [".. rubric:: Methods", "", ".. autosummary::", "", *entries, ""]


def add_methods(app, what, name, obj, options, lines):
    """Insert the table into `lines`, the docstring of a class, after its first paragraph."""
    methods = [member for member in options.get("members") or () if member[0] != "_"]
    if what == "class" and methods:
        start = next(i for i, line in enumerate(lines) if line)
        end = lines.index("", start) + 1
        lines[end:end] = _table(f"{obj.__name__}.{member}" for member in methods)


def setup(app):
    """Connect with autodoc, after numpydoc has made the docstring's sections."""
    app.connect("autodoc-process-docstring", add_methods, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
