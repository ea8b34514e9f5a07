"""What is written as Markdown."""

from __future__ import annotations


def escape_markdown(text: str) -> str:
    r"""Keep a name within its cell, and as it is: no Markdown, no HTML.

    Examples
    --------
    >>> escape_markdown("TV_SHOW | <b>")
    'TV\\_SHOW \\| &lt;b>'
    """
    text = " ".join(text.split())
    for character in "\\`*_[]|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;")
