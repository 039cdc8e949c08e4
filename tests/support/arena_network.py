"""
A network of its own, where every address of the world is this machine: run by `unshare --net --mount`, standard library only.

    ports    each connection is noted with the address it came for; public ones are answered as the web server that
             a test asks for by the path, all others with a row that nobody may ever see
    names    a name server with a few zones, some of whose answers change when they are asked for again
    stdin    `noted` answers what came since the last time, as a line of JSON
"""

import json
import socket
import struct
import subprocess
import sys
import threading
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

PORTS = (22, 80, 443, 5432, 8080, 9000)
PUBLIC, OTHER_PUBLIC, PUBLIC_6 = "8.8.8.8", "8.8.4.4", "2606:4700::7"
PRIVATE, METADATA = "10.9.8.7", "169.254.169.254"
PROBE = "9.9.9.9"
"""Comes after whatever came before: a listener takes its connections in order."""
ANSWERED = {PUBLIC, OTHER_PUBLIC, PUBLIC_6}
ZONE = {
    "public.example": [[PUBLIC]],
    "other.example": [[OTHER_PUBLIC]],
    "six.example": [[PUBLIC_6]],
    "inside.example": [[PRIVATE]],
    "a.listed.example": [[PRIVATE]],
    "met.listed.example": [[METADATA]],
    "loop.example": [["127.0.0.1"]],
    "loop6.example": [["::1"]],
    "mixed.example": [[PUBLIC, PRIVATE]],
    "mixed6.example": [[PUBLIC, "::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "nat64.example": [["64:ff9b::a9fe:a9fe"]],
    "rebind.example": [[PUBLIC], [METADATA]],
    "rebind-private.example": [[PUBLIC], [PRIVATE], ["127.0.0.1"]],
    "rebind-mixed.example": [[PUBLIC], [PUBLIC, METADATA]],
    "metadata": [[METADATA]],
    "metadata.google.internal": [[METADATA]],
    "instance-data.ec2.internal": [[METADATA]],
}

noted: list[str] = []
asked: list[str] = []
lock, probed = threading.Lock(), threading.Semaphore(0)


def make_network(resolv_conf: str) -> None:
    for words in (
        "ip link set lo up", "ip route add local 0.0.0.0/0 dev lo", "ip -6 route add local ::/0 dev lo",
        f"mount --bind {resolv_conf} /etc/resolv.conf",
    ):  # fmt: skip
        subprocess.run(words.split(), check=True)


def listen(port: int) -> None:
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)

    def accept() -> None:
        while True:
            connection, _ = server.accept()
            place = ip_address(connection.getsockname()[0])
            place = getattr(place, "ipv4_mapped", None) or place
            if str(place) == PROBE:
                connection.close()
                probed.release()
                continue
            with lock:
                noted.append(f"{place}:{port}")
            threading.Thread(target=answer, args=(connection, str(place)), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def answer(connection: socket.socket, place: str) -> None:
    """Say what the path asks for: `/go?to=URL` a redirect, `/hops?left=N&to=URL` several, `/next?to=URL` a link, else a row."""
    with connection:
        try:
            head = connection.recv(65536).decode("latin-1")
            if not head.startswith(("GET ", "POST ", "HEAD ")):
                return
            split = urlsplit(head.split(" ")[1])
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            if place not in ANSWERED:
                said = "200 OK", {}, b'[{"inside": true}]'
            elif split.path == "/go":
                said = "302 Found", {"location": query["to"]}, b""
            elif split.path == "/hops":
                left = int(query["left"])
                more = head.split(" ")[1].replace(f"left={left}", f"left={left - 1}")
                said = "302 Found", {"location": more if left > 1 else query["to"]}, b""
            elif split.path == "/next":
                said = "200 OK", {"link": f'<{query["to"]}>; rel="next"'}, b'[{"a": 1}]'
            else:
                said = "200 OK", {}, b'[{"a": 1}]'
            status, headers, body = said
            headers = {"content-type": "application/json", "connection": "close", **headers}
            lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        except (OSError, IndexError, KeyError, ValueError):
            return


def serve_names() -> None:
    server, turns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), dict[tuple[str, int], int]()
    server.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            data, client = server.recvfrom(4096)
            labels, place = [], 12
            while size := data[place]:
                labels.append(data[place + 1 : place + 1 + size].decode("latin-1"))
                place += 1 + size
            question, (kind,) = data[12 : place + 5], struct.unpack("!H", data[place + 1 : place + 3])
            name = ".".join(labels).lower()
            with lock:
                asked.append(name)
            sets = ZONE.get(name)
            turn = turns[name, kind] = turns.get((name, kind), -1) + 1
            given = [ip_address(one) for one in (sets or [[]])[min(turn, len(sets or [[]]) - 1)]]
            packed = [one.packed for one in given if {1: 4, 28: 6}.get(kind) == one.version]
            records = b"".join(
                b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(one)) + one for one in packed
            )
            flags = 0x8180 if sets else 0x8183
            head = data[:2] + struct.pack("!HHHHH", flags, 1, len(packed), 0, 0)
            server.sendto(head + question + records, client)

    threading.Thread(target=serve, daemon=True).start()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    make_network(sys.argv[1])
    for port in PORTS:
        listen(port)
    serve_names()
    say("ready")
    for _ in sys.stdin:
        for port in PORTS:
            socket.create_connection((PROBE, port)).close()
        for _ in PORTS:
            probed.acquire()
        with lock:
            say(json.dumps({"connections": noted, "names": asked}))
            noted.clear()
            asked.clear()


if __name__ == "__main__":
    main()
