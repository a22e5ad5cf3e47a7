"""How Sphinx builds the release notes: tox -e releasenotes."""

extensions = ["openstackdocstheme", "reno.sphinxext"]

project = "vethagent release notes"
author = "vethagent contributors"
copyright = author

openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_pdf_link = False
version = release = ""

html_theme = "openstackdocs"
