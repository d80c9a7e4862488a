"""Sphinx settings. The site needs no network: it uses no intersphinx, and contains MathJax."""

import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import matplotlib

import skl_sparse_ae

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # to import _api and _gallery

matplotlib.use("agg")

project = "skl_sparse_ae"
author = "the skl_sparse_ae developers"
copyright = "2026, the skl_sparse_ae developers"
release = version = skl_sparse_ae.__version__
urls = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"].get("urls", {})

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "_api",
]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
exclude_patterns = ["_build", "gallery"]
templates_path = ["_templates"]
MATHJAX = "mathjax/static/mathjax/es5/tex-svg.js"  # one file, with its fonts
mathjax_path = "tex-svg.js"
html_static_path = [
    "_static",
    str(distribution("django-static-mathjax").locate_file(MATHJAX)),
]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "logo": {"text": f"skl_sparse_ae {release}"},
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "icon_links": [
        {"name": name, "url": url, "icon": "fa-brands fa-github"}
        for name, url in urls.items()
        if name in ("Repository", "Source")
    ],
}
html_title = "skl_sparse_ae"
html_show_sourcelink = False
html_sidebars = {"index": [], "changelog": []}  # they have no neighbours

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
    "parallel": True,  # as many processes as -j says
}
