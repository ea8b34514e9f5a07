"""File formats of annotated text: reading and writing each of them, and converting any to any.

There is a module for each format. Its ``read`` yields the rows of a file, each with its place, and
its ``write`` takes them. Both report in a `Problems` what is broken and what the format cannot
hold. A row of JSONL comes back from each format with all its keys, or there is a report.
"""

from enum import StrEnum


class Format(StrEnum):
    """The formats, as the command line names them."""

    JSONL = "jsonl"
    DOCBIN = "spacy"
    CONLL = "conll"
    PRODIGY = "prodigy"
    LABEL_STUDIO = "label-studio"
    BRAT = "brat"


class Scheme(StrEnum):
    """How tags mark the tokens of an entity.

    ========== ========= ================ =================
    scheme     one token several tokens   next to one alike
    ========== ========= ================ =================
    ``iob1``   ``I``     ``I I I``        ``B`` first
    ``iob2``   ``B``     ``B I I``
    ``bioes``  ``S``     ``B I E``
    ``bilou``  ``U``     ``B I L``
    ========== ========= ================ =================

    ``iob2`` is also known as BIO, ``bilou`` as BILUO. See Ramshaw and Marcus (1995) for IOB, Tjong
    Kim Sang and Veenstra (1999) for IOB1 and IOB2, Ratinov and Roth (2009) for BILOU.
    """

    IOB1 = "iob1"
    IOB2 = "iob2"
    BIOES = "bioes"
    BILOU = "bilou"
