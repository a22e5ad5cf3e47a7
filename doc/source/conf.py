"""How Sphinx builds the documents: tox -e docs."""

import pathlib
import sys

_TOP = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(_TOP / "doc/ext"))

extensions = [
    "cliff.sphinxext",
    "openapi_page",
    "openstackdocstheme",
    "oslo_config.sphinxext",
    "oslo_policy.sphinxext",
    "sphinx.ext.autodoc",
]

project = "vethagent"
author = "vethagent contributors"
copyright = author

# Taken from git by openstackdocstheme if not given, which fails in an unpacked archive.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_pdf_link = False
version = release = ""

html_theme = "openstackdocs"
pygments_style = "native"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True}

exclude_patterns: list[str] = []
