"""A cluster's own certificate authority, and the certificate that its API server shows.

Owns: keys and certificates, which live in this process only. Must not know: who listens with them.
"""

import base64
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..certificates import named, pem, signed


class Authority:
    """A self-signed CA for CN=kubernetes, ten years."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named("kubernetes")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = signed(self._name, self._key, self._name, self._key, (constraints, True))

    @property
    def data(self) -> str:
        """Base64 of its PEM: what DescribeCluster returns and a kubeconfig holds."""
        return base64.b64encode(pem(self._certificate)).decode()

    def server_context(self) -> ssl.SSLContext:
        """For a listener on this machine's loopback address, with a certificate of this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        )
        certificate = signed(named("kube-apiserver"), key, self._name, self._key, (names, False))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="xeks-aws-") as folder:
            path = Path(folder) / "server.pem"
            path.touch(mode=0o600)
            path.write_bytes(pem(certificate) + secret)
            context.load_cert_chain(path)
        return context
