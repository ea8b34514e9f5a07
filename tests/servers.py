"""A local server that answers as OpenAI, vLLM, llama.cpp and Anthropic do, or misbehaves.

It stands in for a hosted model in tests and in the documentation: a real HTTP server on the
loopback interface, on a thread of its own.
"""

from __future__ import annotations

import json
import math
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Fault = Callable[["Handler"], None]

_PROBABILITY = 0.9  # of each word that is written, where probabilities are asked for


def affirm(body: Body) -> Any:
    """Answer in the form that the request's schema asks for: yes to all, and the first of a list.

    Without a schema the answer is the next word, ``yes``.
    """
    schema = _schema(body)
    if schema is None:
        return " yes"
    if "properties" in schema:
        return _example(schema)
    # Any key has a verdict: those of the questions are meant.
    numbers = re.findall(r"^(\d+)\. ", body["messages"][-1]["content"], re.M)
    return {number: _example(schema["additionalProperties"]) for number in numbers}


def _schema(body: Body) -> Body | None:
    if "tools" in body:
        return body["tools"][0]["input_schema"]
    if "response_format" in body:
        return body["response_format"]["json_schema"]["schema"]
    return body.get("json_schema")


def _example(schema: Body) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "integer":
        return 1
    if schema["type"] == "object":
        return {name: _example(each) for name, each in schema["properties"].items()}
    return [_example(schema["items"])] if schema["type"] == "array" else "something"


# Faults: what is done to one request instead of answering it.


def status(
    number: int, message: str = "no", headers: dict[str, str] | None = None, **error: Any
) -> Fault:
    """Answer with an error; by default clients are told to come back at once."""

    def misbehave(handler: Handler) -> None:
        body = {"error": {"message": message, **error}}
        handler.reply(number, json.dumps(body), {"retry-after-ms": "1", **(headers or {})})

    return misbehave


def garbage(handler: Handler) -> None:
    """Answer with what is no JSON."""
    handler.reply(200, "<html>the proxy is having a bad day</html>")


def other_json(handler: Handler) -> None:
    """Answer with JSON of another form."""
    handler.reply(200, '{"choices": []}')


def empty(handler: Handler) -> None:
    """Answer without a word."""
    handler.reply(200, json.dumps(shape(handler.path, handler.body, "")))


def finished(reason: str, text: str = "") -> Fault:
    """Answer with what was written before a stop for this reason, in OpenAI's form."""

    def misbehave(handler: Handler) -> None:
        whole = shape(handler.path, handler.body, text)
        whole["choices"][0]["finish_reason"] = reason
        handler.reply(200, json.dumps(whole))

    return misbehave


def half(handler: Handler) -> None:
    """Break off in the middle of the answer."""
    text = json.dumps(shape(handler.path, handler.body, affirm(handler.body)))
    handler.reply(200, text[: len(text) // 2], {"content-length": str(len(text))})
    handler.close_connection = True


def drip(what: str, every: float) -> Fault:
    """Send the ``head`` or the ``body`` of an answer byte by byte, one every so many seconds."""

    def misbehave(handler: Handler) -> None:
        text = json.dumps(shape(handler.path, handler.body, affirm(handler.body)))
        head = f"HTTP/1.1 200 -\r\ncontent-length: {len(text)}\r\n\r\n"
        at_once, slowly = ("", head) if what == "head" else (head, text)
        handler.wfile.write(at_once.encode("ascii"))
        for byte in slowly.encode("ascii"):
            handler.wfile.write(bytes([byte]))
            time.sleep(every)
        handler.close_connection = True

    return misbehave


def reset(handler: Handler) -> None:
    """Reset the connection."""
    linger = struct.pack("ii", 1, 0)  # with it, closing resets
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    os.close(handler.connection.detach())
    handler.close_connection = True


def stall(seconds: float) -> Fault:
    """Accept the request and say nothing for some seconds."""

    def misbehave(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return misbehave


TOO_LONG = {
    "openai": status(
        400,
        "This model's maximum context length is 8192 tokens. Your messages resulted in 9000.",
        type="invalid_request_error",
        param="messages",
        code="context_length_exceeded",
    ),
    "llama.cpp": status(
        400,
        "request (3002 tokens) exceeds the available context size (2048 tokens)",
        code=400,
        type="exceed_context_size_error",
    ),
    "vllm": status(
        400,
        "This model's maximum context length is 2048 tokens. However, you requested 3002 tokens.",
        type="BadRequestError",
        code=400,
    ),
    "vllm's other words": status(
        400,
        "The decoder prompt (length 3002) is longer than the maximum model length of 2048.",
        type="BadRequestError",
        code=400,
    ),
    "anthropic": status(
        400,
        "prompt is too long: 210000 tokens > 200000 maximum",
        type="invalid_request_error",
    ),
}
"""How servers say that a prompt is too long."""


# The forms of an answer


def shape(path: str, body: Body, content: Any) -> Body:
    """Return an answer in the form of the API that `path` belongs to."""
    text = content if isinstance(content, str) else json.dumps(content)
    if path.endswith("/messages"):
        return _message(body, content)
    if path.endswith("/chat/completions"):
        choice: Body = {"message": {"role": "assistant", "content": text}}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [_token(part) for part in _parts(text)]}
    else:
        text = text if body["max_tokens"] > 1 else text[:4]
        choice = {"text": text}
        if body.get("logprobs"):
            likely = dict(_likely(text))
            choice["logprobs"] = {
                "tokens": [text],
                "token_logprobs": [likely[text]],
                "top_logprobs": [likely],
            }
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 60},
    }
    return {"choices": [{"index": 0, "finish_reason": "stop", **choice}], "usage": usage}


def _message(body: Body, content: Any) -> Body:
    if isinstance(content, str):
        blocks = [{"type": "text", "text": content}]
    else:
        name = body["tools"][0]["name"]
        blocks = [{"type": "tool_use", "id": "toolu_1", "name": name, "input": content}]
    usage = {
        "input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 60,
        "output_tokens": 7,
    }
    return {"role": "assistant", "content": blocks, "stop_reason": "tool_use", "usage": usage}


def _parts(text: str) -> Iterator[str]:
    """Cut a text as a tokenizer might: words, and what is between them."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or text[end].isalnum() != text[end - 1].isalnum():
            yield text[start:end]
            start = end


def _token(part: str) -> Body:
    top = [{"token": token, "logprob": value} for token, value in _likely(part)]
    return {"token": part, "logprob": top[0]["logprob"], "top_logprobs": top}


def _likely(part: str) -> list[tuple[str, float]]:
    """Give what is written its probability, and what is left to another verdict."""
    space = part[: len(part) - len(part.lstrip())]
    other = {"yes": "no", "no": "yes", "sí": "no"}.get(part.strip(), "?")
    return [(part, math.log(_PROBABILITY)), (space + other, math.log(1 - _PROBABILITY))]


class Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and answers it."""

    protocol_version = "HTTP/1.1"  # connections are kept open
    disable_nagle_algorithm = True
    server: _Server
    body: Body

    def do_POST(self) -> None:
        """Answer a request, or do what the next fault does."""
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        owner = self.server.owner
        with owner.lock:
            owner.bodies.append(self.body)
            owner.headers.append({name.lower(): value for name, value in self.headers.items()})
            owner.in_flight += 1
            owner.most_in_flight = max(owner.most_in_flight, owner.in_flight)
            fault = next(owner.faults, None)
        try:
            time.sleep(owner.delay)
            if fault is None:
                content = owner.answer(self.body)
                fault = content if callable(content) else None
            if fault is not None:
                fault(self)
            else:
                self.reply(200, json.dumps(shape(self.path, self.body, content)))
        finally:
            with owner.lock:
                owner.in_flight -= 1

    def reply(self, code: int, text: str, headers: dict[str, str] | None = None) -> None:
        """Send a whole response at once."""
        content = text.encode("utf8")
        head = {"content-type": "application/json", "content-length": str(len(content))}
        lines = [f"HTTP/1.1 {code} -"]
        lines += [f"{name}: {value}" for name, value in {**head, **(headers or {})}.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("ascii") + content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: LocalServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that are gone."""


class LocalServer:
    """A server for as long as the ``with`` block lasts.

    Parameters
    ----------
    answer
        Makes the answer from a request's JSON: a text, what is to be written as JSON, or a fault.
    faults
        What is done to the first requests, one after the other, before it answers; None for one
        that is answered.
    delay
        Seconds until it answers.

    Attributes
    ----------
    bodies, headers
        All requests so far.
    most_in_flight
        The most requests that were waiting for an answer at the same time.
    """

    def __init__(
        self,
        answer: Callable[[Body], Any] = affirm,
        *,
        faults: Iterable[Fault | None] = (),
        delay: float = 0.0,
    ) -> None:
        self.answer = answer
        self.faults = iter(faults)
        self.delay = delay
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()

    def __enter__(self) -> LocalServer:
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.owner = self
        arguments = {"poll_interval": 0.01}
        threading.Thread(target=self._server.serve_forever, kwargs=arguments, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def root(self) -> str:
        """The base URL of Anthropic's API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL of OpenAI's API."""
        return f"{self.root}/v1"
