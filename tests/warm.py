"""Programs that start at once: `catalog-ner` and `python -m spacy` in forks of a warm process.

spaCy imports all factories of all packages as it starts, PyTorch among them, which takes five
seconds. The pages of the documentation run a hundred commands. So one process imports everything,
and each command is a fork of it, with the arguments, folder, environment and streams of the small
program that stands for it in `PATH`. Run as a script, this is the warm process.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLIENT = """\
#!{python} -IS
import json, os, socket, sys
program = {program!r}
if program == "python" and sys.argv[1:3] != ["-m", "spacy"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
message = json.dumps([program, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    socket.send_fds(connection, [len(message).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(message)
    sys.exit(int(connection.recv(16) or 1))
"""


@contextmanager
def warm_programs(folder: Path) -> Iterator[Path]:
    """Yield a folder with the programs, to put first in `PATH`."""
    address = folder / "socket"
    programs = folder / "programs"
    programs.mkdir()
    for program in ("catalog-ner", "python"):
        file = programs / program
        text = _CLIENT.format(python=sys.executable, program=program, address=str(address))
        file.write_text(text, encoding="utf8")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    command = [sys.executable, __file__, str(address)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            yield programs
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Import everything, then fork a process for each connection."""
    import spacy
    import spacy.cli

    import spacy_catalog_ner.cli.main  # noqa: F401

    spacy.blank("en")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _run(connection)
            connection.close()


def _run(connection: socket.socket) -> None:
    """Run one program and send its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(connection, 8, 3)
    message = b""
    while len(message) < int.from_bytes(size, "big"):
        message += connection.recv(1 << 16)
    program, arguments, folder, environment = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)

    def end_with_the_client() -> None:
        if not connection.recv(1):
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=end_with_the_client, daemon=True).start()
    status = 0
    try:
        if program == "python":
            sys.argv = ["spacy", *arguments[2:]]
            runpy.run_module("spacy", run_name="__main__", alter_sys=True)
        else:
            from spacy_catalog_ner.cli.main import main

            sys.argv = [program, *arguments]
            main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(status).encode())
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
