"""Each cluster's API server: a TLS listener on 127.0.0.1 with a certificate of the cluster's own authority.

Owns: the listeners and HTTP. Must not know: what is answered (`api_reviews`).
A listener lives as long as its cluster; requests are served in the server's own event loop, like every other.
"""

import asyncio
import json
import socket

from .certificates import Authority

#: (account, region, cluster) -> its listener.
_listeners: dict[tuple[str, str, str], "Listener"] = {}

#: What a test can make of an API server.
STATES = ("up", "stopped", "impostor")


def open_for(account: str, region: str, cluster: str) -> "Listener":
    """A new cluster's listener: its address and authority are what DescribeCluster returns."""
    close(account, region, cluster)
    listener = _listeners[account, region, cluster] = Listener((account, region, cluster))
    return listener


def close(account: str, region: str, cluster: str) -> None:
    if listener := _listeners.pop((account, region, cluster), None):
        listener.stop()


def close_all() -> None:
    for place in list(_listeners):
        close(*place)


def set_state(account: str, region: str, cluster: str, state: str) -> None:
    """For tests: it refuses connections (`stopped`), or answers with another authority's certificate (`impostor`)."""
    if state not in STATES:
        raise ValueError(f"the state must be one of {', '.join(STATES)}")
    listener = _listeners[account, region, cluster]
    listener.stop()
    if state != "stopped":
        listener.start(listener.authority if state == "up" else Authority())


class Listener:
    def __init__(self, place: tuple[str, str, str]):
        self.authority = Authority()
        self._place = place
        self._port = 0
        self._server: asyncio.Server | None = None
        self.start(self.authority)

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def start(self, authority: Authority) -> None:
        """Bound at once, so that the port is known; who connects waits until the loop serves it."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        self._socket.listen(16)
        self._port = self._socket.getsockname()[1]
        self._begin = asyncio.get_running_loop().create_task(self._serve(authority))

    def stop(self) -> None:
        self._begin.cancel()
        if self._server:
            # It takes its socket off the loop before it closes it.
            self._server.close()
        self._socket.close()
        self._server = None

    async def _serve(self, authority: Authority) -> None:
        self._server = await asyncio.start_server(self._connection, sock=self._socket, ssl=authority.server_context())

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer: clients open another connection for the next."""
        from . import api_reviews

        try:
            method, path, headers, body = await _request(reader)
            token = headers.get("authorization", "").removeprefix("Bearer ").strip()
            status, answer = api_reviews.answer(*self._place, method, path, token, body)
            writer.write(_response(status, answer))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # the client is gone, or did not speak HTTP
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return method, path, headers, await reader.readexactly(int(headers.get("content-length") or 0))


def _response(status: int, answer: dict) -> bytes:
    body = json.dumps(answer).encode()
    lines = (
        f"HTTP/1.1 {status} -",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
