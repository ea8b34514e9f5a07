"""Reading rows with their line numbers, and writing so that an interrupted write loses nothing."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import stat
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import srsly
from srsly.ruamel_yaml.error import YAMLError
from zstandard import ZstdDecompressor, ZstdError

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.io.lock import Lock
from spacy_catalog_ner.io.row import Row

T = TypeVar("T")


def require_file(path: str | Path, what: str) -> Path:
    """Return `path` as a Path, or raise a one-line error that says what was expected there."""
    path = require_path(path, what)
    if path.is_dir():
        raise CatalogNERError(f"{path}: is a folder, expected {what}")
    return path


def require_path(path: str | Path, what: str) -> Path:
    """Do as `require_file` for what may be a file or a folder."""
    path = Path(path)
    if not path.exists():
        raise CatalogNERError(f"{path}: no such file, expected {what}")
    return path


def detect_kind(path: Path, kinds: Collection[str]) -> str:
    """Return the ending that tells what a file holds: ``.jsonl`` of ``a.jsonl`` and ``a.jsonl.gz``.

    It is one of `kinds`, or an empty string: for another ending, and for a packed file of a binary
    kind (``.spacy``, ``.parquet``), which nothing unpacks.
    """
    is_packed = path.suffix in PACKED
    kind = Path(path.stem).suffix if is_packed else path.suffix
    return kind if kind in kinds and not (is_packed and kind in _BINARY) else ""


def read_yaml(path: Path) -> Any:
    """Read a YAML file."""
    try:
        return srsly.read_yaml(path)
    except (ValueError, YAMLError) as err:
        raise CatalogNERError(f"{path}: not YAML ({' '.join(str(err).split())})") from None


def read_json(path: str | Path, kind: type[T], what: str) -> T:
    """Read a JSON file as msgspec converts it to a type.

    Raises
    ------
    CatalogNERError
        If it is missing or of another shape; the message says that `what` was expected.
    """
    path = require_file(path, what)
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise CatalogNERError(f"{path}: not {what} ({err})") from None


def find_shipped(path: str | Path, folder: Path, what: str) -> Path:
    """Return a file, or one of the YAML files that come with the package, by its name: "en"."""
    if Path(path).is_file():
        return Path(path)
    shipped = {child.stem: child for child in sorted(folder.glob("*.yml"))}
    if str(path) not in shipped:
        names = " or ".join(shipped)
        raise CatalogNERError(f"{path}: no such file, expected {what}: {names}, or a YAML file")
    return shipped[str(path)]


def read_labels(path: str | Path) -> dict[str, str]:
    """Read a YAML file that describes each entity type: ``LABEL: description``."""
    expected = "YAML lines LABEL: description"
    labels = read_yaml(require_file(path, expected))
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise CatalogNERError(f"{path}: expected {expected}")
    return labels


def iter_lines(
    path: Path, problems: Problems, on_read: Callable[[int], object] = lambda size: None
) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of a UTF-8 file, unpacked where its name ends in .gz or .zst.

    Lines that are not valid UTF-8 are reported in `problems` and skipped. `on_read` is called with
    the number of bytes of each block read, as the file has them: for a progress bar.

    Raises
    ------
    CatalogNERError
        If a file that ends in ``.gz`` or ``.zst`` is of another kind or truncated.
    """
    for first, block in iter_line_blocks(path, on_read):
        yield from _decode_lines(path, first, block, problems)


def _decode_lines(
    path: Path, first: int, block: bytes, problems: Problems
) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(io.BytesIO(block), start=first):
        try:
            text = raw.decode("utf8")
        except UnicodeDecodeError as err:
            message = f"invalid UTF-8 at byte {err.start}; row skipped"
            problems.add("invalid UTF-8", Place(path, number), message)
            continue
        yield number, text.lstrip("\ufeff") if number == 1 else text


def iter_line_blocks(
    path: Path, on_read: Callable[[int], object] = lambda size: None
) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, bytes of whole lines) of a file, a block at a time."""
    number, rest = 1, bytearray()
    try:
        with path.open("rb", buffering=0) as file:
            blocks = iter(lambda: _read_block(file, on_read), b"")
            if path.suffix in _UNPACKERS:
                blocks = _unpack(blocks, _UNPACKERS[path.suffix])
            for block in blocks:
                end = block.rfind(b"\n") + 1
                if end:
                    lines = bytes(rest) + block[:end]
                    yield number, lines
                    number += lines.count(b"\n")
                    rest.clear()
                rest += block[end:]
            if rest:
                yield number, bytes(rest)
    except (EOFError, zlib.error, ZstdError) as err:
        kind = "gzip" if path.suffix == ".gz" else "zst"
        raise CatalogNERError(f"{path}:{number}: not a whole {kind} file ({err})") from None


_BLOCK = 1 << 16
_UNPACKERS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),  # 16 for gzip, 15 for the largest window
    # The largest window that `zstd --ultra --long=31` writes
    ".zst": lambda: ZstdDecompressor(max_window_size=1 << 31).decompressobj(),
}


PACKED = tuple(_UNPACKERS)
"""Endings of the names of packed files."""

_BINARY = (".spacy", ".parquet")


def _read_block(file: io.RawIOBase, on_read: Callable[[int], object]) -> bytes:
    block = file.read(_BLOCK) or b""
    on_read(len(block))
    return block


def _unpack(blocks: Iterable[bytes], make_unpacker: Callable[[], Any]) -> Iterator[bytes]:
    """Unpack a stream of one or several members.

    The readers of gzip and zstandard are not used: the one makes a Python call for each line, the
    other takes a truncated file for a whole one.
    """
    unpacker = None
    for block in blocks:
        while block:
            if unpacker is None:
                block = block.lstrip(b"\0")  # gzip files may be padded
                if not block:
                    break
                unpacker = make_unpacker()
            yield unpacker.decompress(block)
            block = unpacker.unused_data  # empty before the end of a member
            if unpacker.eof:
                unpacker = None
    if unpacker is not None:
        raise EOFError("it ends before its end mark")


def iter_jsonl(
    path: Path, problems: Problems, on_read: Callable[[int], object] = lambda size: None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSONL file; broken rows are reported and skipped."""
    for first, block in iter_line_blocks(path, on_read):
        yield from parse_block(path, first, block, problems)


def parse_block(
    path: Path, first: int, block: bytes, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Do as `iter_jsonl` for one block that `iter_line_blocks` gave."""
    for number, line in enumerate(io.BytesIO(block), start=first):
        try:
            row = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            row = None
        if type(row) is dict:
            yield number, row
        else:
            yield from _parse_unusual(path, number, line, problems)


_decode = msgspec.json.Decoder().decode


def _parse_unusual(
    path: Path, number: int, line: bytes, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Parse what msgspec refuses, such as NaN and infinity, or report the row."""
    for _, text in _decode_lines(path, number, line, problems):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
            if _SURROGATE.search(text):
                json.dumps(row, ensure_ascii=False).encode("utf8")
        except json.JSONDecodeError as err:
            message = f"not JSON ({err.msg})"
        except UnicodeEncodeError:  # "\ud800" is JSON, but no text
            message = "half a surrogate pair"
        except (ValueError, RecursionError):
            message = "too long or too deep a value"
        else:
            if isinstance(row, dict):
                yield number, row
                continue
            message = f"expected a JSON object, got {type(row).__name__}"
        problems.add("broken row", Place(path, number), f"{message}; row skipped")


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


# Made once: `json.dumps` makes one for every row, which takes as long as to write it
_encode = json.JSONEncoder(ensure_ascii=False).encode


def dump_row(row: Row | dict[str, Any]) -> str:
    """One JSONL line, with its newline."""
    return _encode(row.to_dict() if isinstance(row, Row) else row) + "\n"


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file next to `path` for writing and rename it to `path` once all went well.

    A link is followed, and a file that is replaced passes on its permissions. A pipe, a device or
    ``/dev/stdout`` is written to directly.
    """
    encoding = None if "b" in mode else "utf8"
    if _is_stream(Path(path)):
        with Path(path).open(mode, encoding=encoding) as stream:
            yield stream
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    permissions = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(
        draft,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0),
        0o666 if permissions is None else permissions & 0o666,
    )
    try:
        with os.fdopen(handle, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if permissions is not None:
            draft.chmod(permissions)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


_STREAMS = re.compile(r"/dev/(?:stdout|stderr|fd/\d+)|/proc/.+/fd/\d+")


def _is_stream(path: Path) -> bool:
    is_special = path.exists() and not path.is_file() and not path.is_dir()
    return is_special or _STREAMS.fullmatch(str(path)) is not None


def write_jsonl(path: str | Path, rows: Iterable[Row | dict[str, Any]]) -> int:
    """Write rows as JSONL under a temporary name, rename it to `path`, and return their number."""
    count = 0
    with atomic_write(path) as stream:
        for row in rows:
            stream.write(dump_row(row))
            count += 1
    return count


def write_json(path: str | Path, data: Any) -> None:
    """Write indented JSON under a temporary name and rename it to `path`."""
    with atomic_write(path) as stream:
        json.dump(data, stream, ensure_ascii=False, indent=2)
        stream.write("\n")


@contextmanager
def atomic_folder(path: str | Path, *, mark: str) -> Iterator[Path]:
    """Give an empty folder next to `path` and put it in the place of `path` once all went well.

    A write that fails leaves the old folder as it was. A process that is killed leaves hidden
    folders next to `path`, which the next write removes. A link is followed. A file, or a folder
    without the file `mark`, which every folder of this kind has, is never replaced.
    """
    path = Path(os.path.realpath(path))
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and not (path / mark).exists()):
        raise CatalogNERError(
            f"{path}: holds something else (no {mark} in it); remove it or name another folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old, lock = (path.with_name(f".{path.name}.{part}") for part in ("new", "old", "lock"))
    with Lock(lock, f"{path}: another process is writing this folder"):
        if old.exists() and not path.exists():
            old.replace(path)  # whoever put it aside was killed
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir()
        try:
            yield new
            if path.exists():
                path.replace(old)
            try:
                new.replace(path)
            except BaseException:
                if old.exists():
                    old.replace(path)
                raise
        finally:
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)
