"""The server process: ministack with the extension installed, on 127.0.0.1.

Owns: the process's environment, its socket, its end, dropped connections and the ready file.
Must not know: any AWS rule.
"""

import asyncio
import contextvars
import json
import logging
import os
import signal
import socket
import struct
from pathlib import Path

#: The TCP connection that serves the running request, so that a fault can drop it.
_connection: contextvars.ContextVar = contextvars.ContextVar("connection")


def serve(ready_file: Path | None, port: int, story: bool, outlive_parent: bool) -> None:
    """Serve until SIGTERM, SIGINT or, unless it may outlive it, the parent's end."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    _environment(listener.getsockname()[1])
    asyncio.run(_serve(listener, endpoint, ready_file, story, outlive_parent))


def _environment(port: int) -> None:
    """ministack reads its settings when imported. Nothing of the user's own AWS set-up may reach it."""
    from . import accounts

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": accounts.REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "PERSIST_STATE": "0",
    }
    os.environ.setdefault("LOG_LEVEL", "WARNING")


async def _serve(
    listener: socket.socket, endpoint: str, ready_file: Path | None, story: bool, outlive_parent: bool
) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    from . import accounts, admin, extension

    extension.install()
    _remember_connections()
    admin.begin(story)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.2
    config.loglevel = os.environ["LOG_LEVEL"]
    ended = _end_signal(outlive_parent)
    ready = {"endpoint": endpoint, "region": accounts.REGION, "pid": os.getpid(), "accounts": accounts.described()}
    if ready_file:
        # Written elsewhere and moved into place: a reader that waits for the file never sees a part of it.
        partial = ready_file.with_suffix(".partial")
        partial.write_text(json.dumps(ready, indent=2))
        partial.replace(ready_file)
    else:
        print(json.dumps(ready, indent=2), flush=True)
    await hypercorn_serve(_front_door, config, shutdown_trigger=ended.wait)
    os._exit(0)  # ministack's threads are daemons of other services; nothing is to be saved


def _end_signal(outlive_parent: bool) -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        # Connections that are open still are cut: nothing to report.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    parent = os.getppid()

    async def watch() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(0.5)
        end()

    if not outlive_parent:
        ended.watcher = loop.create_task(watch())  # kept on the event so that it is not collected
    return ended


async def _front_door(scope, receive, send) -> None:
    from ministack.app import app as ministack

    from . import admin
    from .extension.faults import ConnectionLost

    try:
        if scope["type"] == "http" and scope["path"].startswith(admin.PREFIX):
            await admin.app(scope, receive, send)
        elif scope["type"] != "http" or not await admin.serve_issuer(scope["path"], send):
            await ministack(scope, receive, send)
    except ConnectionLost:
        writer = _connection.get().writer
        # Linger 0 makes the kernel send a reset instead of an orderly end.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def _remember_connections() -> None:
    from hypercorn.asyncio.tcp_server import TCPServer

    run = TCPServer.run

    async def run_remembered(self) -> None:
        _connection.set(self)
        await run(self)

    TCPServer.run = run_remembered
