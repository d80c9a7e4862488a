"""Sphinx settings. The site builds offline: no links to other projects' inventories."""

import matplotlib

import skl_sparse_ae

matplotlib.use("agg")

project = "skl_sparse_ae"
author = "the skl_sparse_ae developers"
copyright = "2026, the skl_sparse_ae developers"
release = version = skl_sparse_ae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
exclude_patterns = ["_build", "gallery"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
html_title = "skl_sparse_ae"

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "ExampleTitleSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "reset_modules": ("matplotlib",),
    "capture_repr": ("_repr_html_",),
    "backreferences_dir": None,
}
