"""Files that are replaced in one step, and what is no file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from spacy_catalog_ner.io.files import atomic_write, write_json, write_jsonl

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and permissions of POSIX")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "new" / "out.txt"
    with atomic_write(path) as stream:
        stream.write("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as stream:
        stream.write("new")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [child.name for child in path.parent.iterdir()] == ["out.txt"]


@posix
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_a_new_file_has_the_permissions_that_any_new_file_gets(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "out.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o666 & ~umask


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_that_is_replaced_passes_on_its_permissions(tmp_path, mode):
    path = tmp_path / "out.txt"
    path.write_text("old")
    path.chmod(mode)
    with atomic_write(path) as stream:
        assert os.fstat(stream.fileno()).st_mode & 0o777 & ~mode == 0  # nor is the draft wider
        stream.write("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == mode


@posix
@pytest.mark.parametrize("target", ["there.txt", "folder/nowhere.txt"])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, target):
    (tmp_path / "there.txt").write_text("old")
    (tmp_path / "link").symlink_to(target)
    with atomic_write(tmp_path / "link") as stream:
        stream.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / target).read_text() == "new"


@posix
def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert write_jsonl(pipe, [{"text": "a"}, {"text": "b"}]) == 2
    reader.join()
    assert read == ['{"text": "a"}\n{"text": "b"}\n']
    assert pipe.is_fifo()


@posix
@pytest.mark.parametrize("redirected", [False, True], ids=["pipe", "file"])
def test_dev_stdout_is_written_to(tmp_path, redirected):
    code = "from spacy_catalog_ner.io.files import write_json; write_json('/dev/stdout', [1])"
    with (tmp_path / "out").open("wb") as file:
        inode = os.fstat(file.fileno()).st_ino
        result = subprocess.run(
            [sys.executable, "-c", code], stdout=file if redirected else subprocess.PIPE, check=True
        )
    written = (tmp_path / "out").read_bytes() if redirected else result.stdout
    assert written == b"[\n  1\n]\n"
    assert (tmp_path / "out").stat().st_ino == inode
