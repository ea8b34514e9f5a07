"""Why a text or a seed gives no pattern."""

from __future__ import annotations

from spacy_catalog_ner.errors import CatalogNERError


class Rejected(CatalogNERError):  # noqa: N818  (it says what happened, as RequestFailed does)
    """A pattern that is not taken, or a seed that gives none.

    Parameters
    ----------
    kind
        What is wrong, in a few words that are the same for all of its kind: they are counted.
    message
        What is wrong with this one.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def to_row(self) -> dict[str, str]:
        """Return what is added to the row of what was rejected."""
        return {"reason": self.kind, "message": str(self)}
