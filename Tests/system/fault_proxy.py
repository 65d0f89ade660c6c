#!/usr/bin/env python3
"""An HTTP proxy on 127.0.0.1 that breaks things on purpose, for tests of clients.

    fault_proxy.py --listen 0 --upstream 8333 --seed 7 --faults 503:0.2,reset:0.1,truncate:0.1,stall:0.05

Prints `listening PORT`, then serves until it is ended. Requests go to 127.0.0.1:UPSTREAM unchanged (the Host header too, so
signatures stay valid). Which fault befalls the n-th request follows from the seed and n alone. Faults:

    429, 500, 502, 503, 504   answers with that status; the request does not reach the server
    early503                  the same, before the request's body was read, and closes
    refuse                    closes the connection at once, without an answer
    reset                     passes the request on, resets the connection within the response
    lost                      passes the request on, drops the whole response, resets the connection
    truncate                  passes a part of the response's body on and closes
    garbage                   answers with bytes that are no HTTP
    delay                     passes the request on after --delay-seconds; else as it should be
    stall                     passes a part of the response on, then nothing for --stall-seconds, then closes

`GET /__faults__` answers with the counts so far as JSON. Standard library only.
"""
import argparse
import collections
import json
import random
import socket
import struct
import sys
import threading
import time

CHUNK = 64 << 10
STATUSES = {"429": "Too Many Requests", "500": "Internal Server Error", "502": "Bad Gateway",
            "503": "Slow Down", "504": "Gateway Timeout"}
KINDS = {*STATUSES, "delay", "early503", "refuse", "reset", "lost", "truncate", "garbage", "stall"}


class Broken(Exception):
    """A peer closed, or a fault asks for the connection's end."""


class Stream:
    """A socket with a read buffer."""

    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.buffer = b""

    def more(self) -> None:
        data = self.socket.recv(CHUNK)
        if not data:
            raise Broken
        self.buffer += data

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > 1 << 20:
                raise Broken
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line + b"\r\n"

    def exactly(self, count: int):
        while count:
            if not self.buffer:
                self.more()
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            count -= len(piece)
            yield piece

    def chunked(self):
        while True:
            line = self.line()
            yield line
            size = int(line.split(b";")[0], 16)
            yield from self.exactly(size)
            if size == 0:
                while True:
                    trailer = self.line()
                    yield trailer
                    if trailer == b"\r\n":
                        return
            else:
                yield self.line()

    def rest(self):
        while True:
            if self.buffer:
                piece, self.buffer = self.buffer, b""
                yield piece
            try:
                self.more()
            except Broken:
                return

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def header(head: bytes, name: bytes):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


def body_of(stream: Stream, head: bytes, is_response: bool, has_no_body: bool):
    """The pieces of a body, and its length if that is known beforehand."""
    if has_no_body:
        return iter(()), 0
    if (header(head, b"transfer-encoding") or b"").lower() == b"chunked":
        return stream.chunked(), None
    length = header(head, b"content-length")
    if length is not None:
        return stream.exactly(int(length)), int(length)
    return (stream.rest(), None) if is_response else (iter(()), 0)


class Proxy:
    def __init__(self, upstream: int, seed: int, faults, stall_seconds: float, delay_seconds: float,
                 retry_after):
        self.upstream = upstream
        self.seed = seed
        self.faults = faults
        self.stall_seconds = stall_seconds
        self.delay_seconds = delay_seconds
        self.retry_after = retry_after
        self.lock = threading.Lock()
        self.requests = 0
        self.counts = collections.Counter()

    def next_fault(self):
        """The fault of the next request, with a random number generator of its own."""
        with self.lock:
            self.requests += 1
            number = self.requests
        chance = random.Random(f"{self.seed}:{number}")
        draw = chance.random()
        for kind, probability in self.faults:
            if draw < probability:
                with self.lock:
                    self.counts[kind] += 1
                return kind, chance
            draw -= probability
        return None, chance

    def serve(self, connection: socket.socket) -> None:
        client = Stream(connection)
        server = None
        try:
            while True:
                server = self.exchange(client, server)
        except (Broken, OSError, ValueError):
            pass
        finally:
            for stream in (client, server):
                if stream is not None:
                    stream.socket.close()

    def exchange(self, client: Stream, server):
        """One request and its response; gives the server's connection for the next."""
        head = client.head()
        method, path, _ = head.split(b"\r\n")[0].split(b" ", 2)
        if path == b"/__faults__":
            with self.lock:
                report = json.dumps({"requests": self.requests, **self.counts}).encode()
            client.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(report), report))
            return server
        fault, chance = self.next_fault()
        if fault == "refuse":
            client.reset()
            raise Broken
        if fault == "early503":
            self.answer(client, "503", close=True)
        request_body, _ = body_of(client, head, False, False)
        if fault in STATUSES or fault == "garbage":
            for _ in request_body:
                pass
            if fault == "garbage":
                client.socket.sendall(bytes(chance.randrange(256) for _ in range(200)))
                raise Broken
            self.answer(client, fault, close=False)
            return server
        if fault == "delay":
            time.sleep(self.delay_seconds)
        if server is None:
            server = Stream(socket.create_connection(("127.0.0.1", self.upstream)))
            server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.socket.sendall(head)
        for piece in request_body:
            server.socket.sendall(piece)
        self.pass_back(client, server, method, fault, chance)
        return server

    def answer(self, client: Stream, status: str, close: bool) -> None:
        body = f"<Error><Code>SlowDown</Code><Message>injected {status}</Message></Error>".encode()
        lines = [f"HTTP/1.1 {status} {STATUSES[status]}", f"Content-Length: {len(body)}"]
        if self.retry_after is not None:
            lines.append(f"Retry-After: {self.retry_after}")
        if close:
            lines.append("Connection: close")
        client.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if close:
            raise Broken

    def pass_back(self, client: Stream, server: Stream, method: bytes, fault, chance) -> None:
        head = server.head()
        while head.split(b" ", 2)[1].startswith(b"1"):
            client.socket.sendall(head)
            head = server.head()
        status = head.split(b" ", 2)[1]
        body, length = body_of(server, head, True, method == b"HEAD" or status in (b"204", b"304"))
        if fault == "lost":
            for _ in body:
                pass
            client.reset()
            raise Broken
        cut = None
        if fault in ("reset", "truncate", "stall"):
            cut = chance.randrange((length or 4096) + 1)
            if chance.random() < 0.2:
                cut = 0
        if cut is not None and fault == "reset" and chance.random() < 0.3:
            client.reset()
            raise Broken
        client.socket.sendall(head)
        for piece in body:
            if cut is not None and len(piece) >= cut:
                client.socket.sendall(piece[:cut])
                break
            client.socket.sendall(piece)
            if cut is not None:
                cut -= len(piece)
        if fault == "stall":
            time.sleep(self.stall_seconds)
        if fault == "reset":
            client.reset()
        if cut is not None or (header(head, b"connection") or b"").lower() == b"close":
            raise Broken


def parse_faults(text: str):
    faults = []
    for item in filter(None, text.split(",")):
        kind, _, probability = item.partition(":")
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"'{kind}' is none of {', '.join(sorted(KINDS))}")
        faults.append((kind, float(probability)))
    if sum(probability for _, probability in faults) > 1:
        raise argparse.ArgumentTypeError("the probabilities add up to more than 1")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, default=0, help="port; 0 takes a free one")
    parser.add_argument("--upstream", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=parse_faults, default=[])
    parser.add_argument("--stall-seconds", type=float, default=60)
    parser.add_argument("--delay-seconds", type=float, default=0.05)
    parser.add_argument("--retry-after", type=int, help="seconds, sent with statuses")
    options = parser.parse_args()
    proxy = Proxy(options.upstream, options.seed, options.faults, options.stall_seconds,
                  options.delay_seconds, options.retry_after)
    listener = socket.create_server(("127.0.0.1", options.listen), backlog=256)
    print(f"listening {listener.getsockname()[1]}", flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=proxy.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
