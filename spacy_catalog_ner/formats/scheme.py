"""The names of the schemes of tags."""

from enum import StrEnum


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
