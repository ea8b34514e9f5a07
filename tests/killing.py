"""Run as a program: label a file, killed with ``kill -9`` again and again, then once to the end.

``python killing.py SEED STATE PIPELINE ARGUMENTS...`` runs ``catalog-ner ARGUMENTS --pipeline
PIPELINE`` in child processes that are killed at three random moments: the first as it starts, the
others after they have saved something to STATE. Children are forked from a process that has
imported all they need, so that each is at work at once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import httpx  # noqa: F401
from spacy.cli._util import parse_config_overrides  # noqa: F401

from spacy_catalog_ner import labelling  # noqa: F401
from spacy_catalog_ner.cli.main import main
from spacy_catalog_ner.doc.pipelines import load_pipeline

KILLS = 3
AT_THE_START = 1


def start(arguments: list[str]) -> int:
    child = os.fork()
    if not child:
        sys.argv = ["catalog-ner", *arguments]
        main()
    return child


def modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def run(seed: int, state: Path, pipeline: str, arguments: list[str]) -> None:
    load_pipeline(pipeline)  # imports what it is made of
    arguments = [*arguments, "--pipeline", pipeline]
    chooser = random.Random(seed)
    for kill in range(KILLS):
        before = modified(state)
        child = start(arguments)
        if kill >= AT_THE_START:
            while modified(state) == before:
                time.sleep(0.001)
        time.sleep(chooser.uniform(0, 0.06))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it had come to its end"
    _, status = os.waitpid(start(arguments), 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
