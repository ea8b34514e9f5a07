"""How close the models that ask a server come to the pace that its delay allows.

A server in a process of its own answers every request after 50 ms. With n requests in flight at
once, 64 documents cannot be done before (64 / n) x 50 ms: what is above that is what the model
itself, its SDK and the connections take.

    python -m benchmarks.teacher.model_pace
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from spacy_catalog_ner.llm.models.anthropic import Anthropic
from spacy_catalog_ner.llm.models.model import SelectionModel
from spacy_catalog_ner.llm.models.openai_compatible import OpenAICompatible
from spacy_catalog_ner.llm.prompt import Prompt, Request

_VERDICT = {"type": "string", "enum": ["yes", "no"]}
_SCHEMA = {
    "type": "object",
    "properties": {"1": _VERDICT, "2": _VERDICT},
    "required": ["1", "2"],
    "additionalProperties": False,
}
_WRITTEN = {"1": "yes", "2": "no"}
_ANSWERS = {
    b"/v1/chat/completions": {
        "choices": [{"finish_reason": "stop", "message": {"content": json.dumps(_WRITTEN)}}]
    },
    b"/v1/messages": {"content": [{"type": "tool_use", "input": _WRITTEN}]},
}


class _Connection(asyncio.Protocol):
    """Answers every request after a time; nothing in it can be what is slow."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, _, body = self.received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        sizes = [line for line in lines if line.startswith(b"content-length:")]
        if sizes and len(body) >= int(sizes[0].partition(b":")[2]):
            self.received = b""
            answer = json.dumps(_ANSWERS[lines[0].split()[1]]).encode("ascii")
            asyncio.get_running_loop().call_later(self.delay, self.answer, answer)

    def answer(self, answer: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}"
        self.transport.write(head.encode("ascii") + b"\r\n\r\n" + answer)


def _serve(delay: float, port: Any) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(delay), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def _server(delay: float) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(delay, theirs), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{ours.recv()}"
    process.terminate()
    process.join()


def _make_model(kind: str, url: str, concurrency: int | None) -> SelectionModel:
    settings: dict[str, Any] = {} if concurrency is None else {"concurrency": concurrency}
    if kind == "openai":
        return OpenAICompatible("stand-in", base_url=f"{url}/v1", **settings)
    return Anthropic("stand-in", base_url=url, **settings)


def measure_pace(
    kind: str = "openai",
    documents: int = 64,
    delay: float = 0.05,
    concurrency: int | None = None,
    repetitions: int = 5,
) -> dict[str, Any]:
    """Time a model over documents of one request each.

    Importing the SDK and making its client, once in a process, is timed apart.

    Parameters
    ----------
    kind
        ``openai`` or ``anthropic``.
    documents
        Number of documents.
    delay
        Seconds until the server answers.
    concurrency
        Requests in flight at once; the model's default if None.
    repetitions
        How many times to measure.

    Returns
    -------
    dict
        The parameters; ``start_s``, what the first document of all takes longer than the delay;
        ``ideal_s``, what the delay alone takes; ``seconds`` of each repetition; ``median_s``;
        ``ratio``, median through ideal; ``cpu_ms``, the median processor time of this process for
        one document; ``load``, how many processes of the machine wanted to run at once, on
        average over the last minute.
    """
    prompts = [
        Prompt([Request("s" * 1000, f"{'u' * 1500}{number}", ("a?", "b?"), schema=_SCHEMA)])
        for number in range(documents)
    ]
    times, cpu = [], []
    with _server(delay) as url:
        model = _make_model(kind, url, concurrency)
        start = time.perf_counter()
        _exhaust(model, prompts[:1])
        start_s = time.perf_counter() - start - delay
        for _ in range(repetitions):
            start, cpu_start = time.perf_counter(), time.process_time()
            _exhaust(model, prompts)
            times.append(time.perf_counter() - start)
            cpu.append(time.process_time() - cpu_start)
    ideal = documents / model.concurrency * delay
    return {
        "model": kind,
        "documents": documents,
        "delay_s": delay,
        "concurrency": model.concurrency,
        "start_s": start_s,
        "ideal_s": ideal,
        "seconds": times,
        "median_s": median(times),
        "ratio": median(times) / ideal,
        "cpu_ms": 1000 * median(cpu) / documents,
        "load": os.getloadavg()[0],
    }


def _exhaust(model: SelectionModel, prompts: list[Prompt]) -> None:
    for (answer,) in model([prompt] for prompt in prompts):
        if answer.error:
            raise RuntimeError(answer.error)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=["openai", "anthropic"], default="openai")
    parser.add_argument("--documents", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.05, help="Seconds.")
    parser.add_argument("--concurrency", type=int, help="The model's own by default.")
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    print(
        json.dumps(
            measure_pace(
                given.model, given.documents, given.delay, given.concurrency, given.repetitions
            ),
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
