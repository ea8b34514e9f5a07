"""The HTML shell of reports: one file that needs no network, no fonts and no libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from spacy_catalog_ner.about import __version__


def render_page(
    package: str,
    name: str,
    *,
    title: str,
    data: str,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,
) -> str:
    """Render a self-contained HTML file; everything inserted is escaped.

    Parameters
    ----------
    package
        The package whose ``templates/`` has ``NAME.html.jinja``, which extends "page.html.jinja"
        and fills its blocks ``header`` and ``main``, and ``NAME.css`` and ``NAME.js``, which are
        inlined after the shared ones. The script finds `data` as ``data``, and ``element``.
    name
        Name of these files.
    title
        Title and heading of the page.
    data
        JSON to embed.
    filters
        Further filters of the template.
    **values
        Variables of the template.
    """

    def load(template: str) -> str:
        owner = __package__ if template.startswith("page.") else package
        return (files(owner) / "templates" / template).read_text(encoding="utf8")

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters or {})
    return environment.get_template(f"{name}.html.jinja").render(
        title=title,
        version=__version__,
        data=Markup(escape_json(data)),
        style=Markup(load("page.css") + load(f"{name}.css")),
        script=Markup(load("page.js") + load(f"{name}.js")),
        **values,
    )


def escape_json(text: str) -> str:
    r"""Escape JSON so that nothing in it can end or open an HTML element.

    ``<``, ``>`` and ``&`` occur only in strings, where ``\u003c`` is the same character. So do the
    two line ends that JSON allows there and JavaScript once did not.
    """
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
