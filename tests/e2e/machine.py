"""The machine that the control plane runs on: AWS's own host names, a metadata service, certificates; no way out.

Everything here runs in namespaces of its own (`programs.namespaces`). Names of AWS resolve to a TLS front, whose
certificate every client has to trust (`AWS_CA_BUNDLE`); it passes bytes to the emulated AWS and changes none.

Knows sockets and certificates. Knows nothing of Kubernetes or the provider.
"""

import contextlib
import socket
import ssl
import subprocess
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from aws_emulator.certificates import named, pem, signed
from aws_emulator.client import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from instance import metadata_of

AWS_ADDRESS = "203.0.113.10"
METADATA_ADDRESS = "169.254.169.254"
#: In the cluster's VPC of the story: where its network interface would be.
API_SERVER_ADDRESS = "10.20.0.10"


def begin(names: list[str], api_server: str, folder: Path) -> None:
    """Addresses, and a hosts file that only these namespaces see."""
    run("ip", "link", "set", "lo", "up")
    for address in (AWS_ADDRESS, METADATA_ADDRESS, API_SERVER_ADDRESS):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    hosts = folder / "hosts"
    lines = ["127.0.0.1 localhost", *(f"{AWS_ADDRESS} {name}" for name in names), f"{API_SERVER_ADDRESS} {api_server}"]
    hosts.write_text("\n".join(lines) + "\n")
    run("mount", "--bind", str(hosts), "/etc/hosts")


def run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {ended.stderr.strip()}")
    return ended.stdout


class Authority:
    """A certificate authority; `pem` is its certificate."""

    def __init__(self, name: str):
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = named(name)
        constraints = (x509.BasicConstraints(ca=True, path_length=None), True)
        self.pem = pem(signed(self._name, self._key, self._name, self._key, constraints))

    def issue(self, folder: Path, common_name: str, hosts: list[str] = (), organization: str = "") -> tuple[Path, Path]:
        """Files with a certificate and its key: for a server of these names, or for a client of this group."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]
        names += [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization)] if organization else []
        extensions = [(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False)] if hosts else []
        certificate = signed(x509.Name(names), key, self._name, self._key, *extensions)
        files = folder / f"{common_name}.pem", folder / f"{common_name}-key.pem"
        files[0].write_bytes(pem(certificate))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        return files


class TlsFront:
    """Ends TLS on AWS's address and passes the bytes on to the emulated AWS, which sees AWS's host names."""

    def __init__(self, certificate: Path, key: Path, to_port: int):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._to = ("127.0.0.1", to_port)
        self._listener = socket.create_server((AWS_ADDRESS, 443), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            client = self._context.wrap_socket(connection, server_side=True)
            server = socket.create_connection(self._to)
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Metadata:
    """The instance metadata service at its own address: whose instance this is can change."""

    def __init__(self):
        self._server: ThreadingHTTPServer | None = None

    def become(self, credentials: Credentials) -> None:
        self.stop()
        self._server = ThreadingHTTPServer((METADATA_ADDRESS, 80), metadata_of(credentials))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
