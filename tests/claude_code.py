"""The real Claude Code from npm, talking to a Messages API on loopback, so that it writes real transcripts.

It runs with an empty home, a dummy key and nothing but loopback to talk to (FACTS §5 has the environment).
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from oracles import npm_script

PACKAGE = "@anthropic-ai/claude-code@2.1.197"


def claude_script() -> str:
    """The real Claude Code."""
    return npm_script(PACKAGE, "claude", "claude-code")


class MessagesApi:
    """Answers `/v1/messages` as a stream, in words the prompt asks for.

    A prompt with `TOOL` is answered with a call of the Bash tool first, one with `AGENT` with a call of the tool that
    starts a sub-agent; everything else with a text. Every answer has other token counts; `sent` keeps them by id.
    """

    def __init__(self, headers: dict[str, str] | None = None) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.headers = headers or {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
                if "/v1/messages" not in self.path or "count_tokens" in self.path:
                    self.answer(b'{"input_tokens": 7}', "application/json")
                    return
                api.requests.append(body)
                message = api.reply(body)
                if body.get("stream"):
                    self.answer(api.stream(message), "text/event-stream")
                else:
                    self.answer(json.dumps(message).encode(), "application/json")

            def do_GET(self) -> None:
                self.answer(b"{}", "application/json")

            def do_HEAD(self) -> None:
                self.answer(b"", "application/json")

            def answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                for name, value in {
                    "Content-Type": kind,
                    "request-id": f"req_{len(api.requests)}",
                    **api.headers,
                }.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        number = len(self.sent) + 1
        usage = {
            "input_tokens": 10 + number,
            "cache_creation_input_tokens": 100 * number,
            "cache_read_input_tokens": 1000 * number,
            "cache_creation": {"ephemeral_5m_input_tokens": 60 * number, "ephemeral_1h_input_tokens": 40 * number},
            "output_tokens": 5 * number,
            "service_tier": "standard",
        }
        message = {
            "id": f"msg_{number:024d}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "claude-sonnet-4-5"),
            "content": self.content(body, number),
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
        if any(block["type"] == "tool_use" for block in message["content"]):
            message["stop_reason"] = "tool_use"
        self.sent[message["id"]] = message
        return message

    def content(self, body: dict[str, Any], number: int) -> list[dict[str, Any]]:
        text = {"type": "text", "text": f"Answer {number}."}
        last = body["messages"][-1]["content"]
        blocks = [{"type": "text", "text": last}] if isinstance(last, str) else last
        said = " ".join(block.get("text", "") for block in blocks)
        if any(block.get("type") == "tool_result" for block in blocks):
            return [text]
        tools = {tool["name"] for tool in body.get("tools", [])}
        if "TOOL" in said and "Bash" in tools:
            call = {"command": 'echo \'"usage":{"output_tokens":9}\'', "description": "Say it"}
            return [text, {"type": "tool_use", "id": f"toolu_{number:022d}", "name": "Bash", "input": call}]
        agent = next((name for name in ("Agent", "Task") if name in tools), None)
        if "AGENT" in said and agent:
            call = {"description": "Look", "prompt": "Only look. TOOL", "subagent_type": "general-purpose"}
            return [text, {"type": "tool_use", "id": f"toolu_{number:022d}", "name": agent, "input": call}]
        return [text]

    def stream(self, message: dict[str, Any]) -> bytes:
        begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
        for index, block in enumerate(message["content"]):
            if block["type"] == "text":
                start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                start = {**block, "input": {}}
                delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            events += [
                {"type": "content_block_start", "index": index, "content_block": start},
                {"type": "content_block_delta", "index": index, "delta": delta},
                {"type": "content_block_stop", "index": index},
            ]
        stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        events += [{"type": "message_delta", "delta": stop, "usage": message["usage"]}, {"type": "message_stop"}]
        return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def claude_env(home: Path, url: str) -> dict[str, str]:
    """An environment in which Claude Code knows no home but this and no host but loopback."""
    project = home / "work"
    project.mkdir(parents=True, exist_ok=True)
    settings = {"hasCompletedOnboarding": True, "projects": {str(project): {"hasTrustDialogAccepted": True}}}
    (home / ".claude.json").write_text(json.dumps(settings))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-ant-api03-dummy",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


def ask_claude(home: Path, env: dict[str, str], prompt: str, *arguments: str) -> dict[str, Any]:
    """One prompt of the real Claude Code; gives its JSON answer."""
    command = [claude_script(), "-p", prompt, "--output-format", "json", "--dangerously-skip-permissions", *arguments]
    done = subprocess.run(command, env=env, cwd=home / "work", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
