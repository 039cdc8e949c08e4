"""An S3 that lives in this process, by moto's server; put objects into it by the same protocol."""

from contextlib import contextmanager

from moto.server import ThreadedMotoServer
from obstore.store import S3Store


class ObjectServer:
    """One bucket after another."""

    def __init__(self, server):
        host, port = server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def bucket(self, name):
        """Make a bucket and return a store that writes into it."""
        import httpx  # noqa: PLC0415 - only for this one request

        httpx.put(f"{self.url}/{name}", headers={"authorization": AUTHORIZATION}).raise_for_status()
        return S3Store(
            name, endpoint=self.url, region="us-east-1", access_key_id="key", secret_access_key="s3cret",
            client_options={"allow_http": True},
        )  # fmt: skip

    def publish(self, bucket, key):
        """Let everyone read an object."""
        import httpx  # noqa: PLC0415 - only for this one request

        headers = {"authorization": AUTHORIZATION, "x-amz-acl": "public-read"}
        httpx.put(f"{self.url}/{bucket}/{key.lstrip('/')}?acl", headers=headers).raise_for_status()

    def storage(self, **more):
        """Return what a config says to read from it."""
        return {
            "endpoint": self.url, "access_key_id": "key", "secret_access_key": {"secret": "s3"}, **more,
        }  # fmt: skip


AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)


@contextmanager
def object_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield ObjectServer(server)
    finally:
        server.stop()
