"""A TCP proxy on loopback that fails on purpose: it ends all connections after so many bytes, or passes nothing more."""
import socket
import struct
import threading


class Proxy:
    """`with Proxy(server.port) as proxy:` and then connect to proxy.port.

    proxy.cut("down", 1000) ends every connection once 1000 more bytes have come from the server, "up": have gone to it. how: "fin" ends them in order,
    "rst" resets them, "stall" lets nothing pass, on new connections neither, until heal(). It strikes once: later connections work. proxy.struck says whether it did.
    proxy.bytes counts all that has passed."""

    def __init__(self, port):
        self.target, self.lock = port, threading.Lock()
        self.bytes = {"up": 0, "down": 0}
        self.fault, self.struck, self.flows = None, threading.Event(), threading.Event()
        self.flows.set()
        self.pairs = set()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.heal()
        # close() alone does not wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            self._end_all(reset=True)

    def cut(self, direction, after, how="rst"):
        with self.lock:
            self.struck.clear()
            self.fault = (direction, self.bytes[direction] + max(after, 1), how)

    def heal(self):
        with self.lock:
            self.fault = None
        self.flows.set()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.flows.wait()
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs.add((client, server))
            for source, sink, direction in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pump, args=(source, sink, direction, (client, server)), daemon=True).start()

    def _pump(self, source, sink, direction, pair):
        try:
            while data := source.recv(65536):
                self.flows.wait()
                data, rest = self._allowed(direction, data)
                sink.sendall(data)
                if rest:
                    self._strike()
                    self.flows.wait()
                    sink.sendall(rest)
            self.flows.wait()
            with self.lock:
                if pair in self.pairs:
                    sink.shutdown(socket.SHUT_WR)
        except OSError:
            with self.lock:
                self._end(pair, reset=True)

    def _allowed(self, direction, data):
        """What may pass, and what comes after the fault."""
        with self.lock:
            left = len(data)
            if self.fault and self.fault[0] == direction and not self.struck.is_set():
                left = min(left, self.fault[1] - self.bytes[direction])
            # Nothing is left of data that ends exactly where the fault is: it strikes with the next.
            self.bytes[direction] += left
            return data[:left], data[left:]

    def _strike(self):
        with self.lock:
            how = self.fault[2] if self.fault else None
            if how == "stall":
                self.flows.clear()
            elif how:
                self._end_all(how == "rst")
            self.fault = None
            self.struck.set()

    def _end_all(self, reset):
        for pair in list(self.pairs):
            self._end(pair, reset)

    def _end(self, pair, reset):
        """Callers hold the lock."""
        if pair not in self.pairs:
            return
        self.pairs.remove(pair)
        for s in pair:
            try:
                if reset:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # A thread that still reads would keep the socket alive; reading is ended without a packet, so that a reset stays one.
                s.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
