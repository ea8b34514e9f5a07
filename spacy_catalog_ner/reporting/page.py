"""The HTML shell of reports: one file that needs no network, no fonts and no libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from spacy_catalog_ner.about import __version__

_SHELL = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<style>{{ style }}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>{{ title }}</h1>
{% block header %}{% endblock %}
</header>
<main id="main" tabindex="-1">
{% block main %}{% endblock %}
</main>
<footer><p>spacy-catalog-ner {{ version }}</p></footer>
<script type="application/json" id="data">{{ data }}</script>
<script>{{ script }}</script>
</body>
</html>
"""

_STYLE = """\
:root {
  color-scheme: light dark;
  --back: #fff; --raised: #f5f7fa; --text: #1b1f24; --quiet: #535b66; --line: #cfd6de;
  --accent: #0b57a4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171c; --raised: #1d2229; --text: #e7eaee; --quiet: #a6b0bc; --line: #3a424d;
    --accent: #8cc1f7;
  }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { margin: 0; font-size: 1.75rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.3rem; }
p { margin: 0.5rem 0; max-width: 70ch; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }
footer { margin-top: 3rem; color: var(--quiet); font-size: 0.9rem; }
.skip { position: absolute; top: 0; left: -100vw; padding: 0.5rem 1rem; background: var(--back); }
.skip:focus { left: 0; }
form { display: flex; flex-wrap: wrap; align-items: end; gap: 0.75rem; margin: 1rem 0; }
form div { max-width: 100%; }
form label { display: block; font-size: 0.9rem; }
input, select, button {
  min-height: 2.25rem; max-width: 100%; padding: 0.25rem 0.6rem; background: var(--back);
  color: var(--text); border: 1px solid var(--quiet); border-radius: 0.35rem; font: inherit;
}
button { cursor: pointer; }
button:hover { background: var(--raised); }
.pager {
  display: flex; align-items: center; gap: 1rem; padding: 0.5rem 0; background: var(--back);
  border-top: 1px solid var(--line);
}
[aria-disabled="true"] { opacity: 0.6; cursor: default; }
"""

_SCRIPT = """\
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

// All that comes from the data becomes a text node: it can never be markup.
function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}
"""


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
        The package whose ``templates/`` has ``NAME.html.jinja``, which extends "page" and fills its
        blocks ``header`` and ``main``, and ``NAME.css`` and ``NAME.js``, which are inlined after
        the shared style and script. The script finds `data` parsed as ``data``, and ``element``.
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
    templates = files(package) / "templates"

    def load(template: str) -> str:
        return _SHELL if template == "page" else (templates / template).read_text(encoding="utf8")

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
        style=Markup(_STYLE + load(f"{name}.css")),
        script=Markup(_SCRIPT + load(f"{name}.js")),
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
