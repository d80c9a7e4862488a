"""Sphinx settings. The site builds offline, so it does not use intersphinx."""

import sys
from pathlib import Path

import matplotlib

import skl_sparse_ae

sys.path.insert(0, str(Path(__file__).parent))  # to import _gallery

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
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
}
html_title = "skl_sparse_ae"

# The build runs every plot_*.py of docs/gallery. An exception or a warning in one of them stops the
# build. `-D plot_gallery=0` skips them all.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "_gallery.ReadingOrder",
    "reset_modules": ("matplotlib", "_gallery.warnings_are_errors"),
    "reset_modules_order": "both",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "image_srcset": ["2x"],
    "doc_module": ("skl_sparse_ae",),
    "reference_url": {"skl_sparse_ae": None},
    "backreferences_dir": "auto_gallery/backreferences",
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
}
