"""Sphinx settings. The site builds offline: no links to other projects' inventories."""

import skl_sparse_ae

project = "skl_sparse_ae"
author = "the skl_sparse_ae developers"
copyright = "2026, the skl_sparse_ae developers"
release = version = skl_sparse_ae.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc", "myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": False}
html_title = "skl_sparse_ae"
