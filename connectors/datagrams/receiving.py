"""Reading a UDP port in a thread of its own, many datagrams in one call, so that a storm fits through.

Why a thread and recvmmsg: while the event loop decides and writes, nobody would read the socket, and what does not fit
into the kernel's buffer is gone without a word. A thread that makes one call per datagram loses the interpreter at each
of them (up to 5 ms a time while the loop is busy); one call that takes all there is, holding it, does not.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bridge.model import Instant
from connectors.datagrams.waiting import Datagram, Waiting

AT_ONCE = 256

LAST_READS = 256
"""Reads at most when it is stopped: what the kernel still has, and no more of a storm that goes on."""

_LONGEST = 65_536
_SO_RCVBUFFORCE, _SO_MEMINFO, _MEMINFO_DROPS = 33, 55, 8


def deepen(port: socket.socket, wanted: int) -> int:
    """Ask for a buffer of ``wanted`` bytes; how much the kernel gave. Beyond its limit only with CAP_NET_ADMIN."""
    if sys.platform == "linux":
        try:
            port.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted)
        except OSError:
            port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        return port.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it, for its own needs
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    return port.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def kernel_drops(port: socket.socket) -> int | None:
    """Datagrams the kernel had no room for since the socket was opened; None where it does not say (not Linux).

    SO_MEMINFO (Linux 4.12) has what /proc/net/udp shows as drops.
    """
    if sys.platform != "linux":
        return None
    try:
        told = port.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
        return int(struct.unpack("9I", told)[_MEMINFO_DROPS])
    except (OSError, struct.error):
        return None


class Receiver:
    """Reads ``port`` into ``waiting`` from ``start`` until ``stop``; ``told`` is called, in the thread, when something
    was put there. ``error``: why it ended by itself, "" while it has not."""

    def __init__(self, port: socket.socket, waiting: Waiting, told: Callable[[], None]) -> None:
        self.error = ""
        self._port = port
        self._waiting = waiting
        self._told = told
        self._awake, self._wake = socket.socketpair()
        self._stopping = threading.Lock()
        self._ending = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="datagrams", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended: what was received is in ``waiting``. The socket is left open.

        May be called again, by another thread too.
        """
        with self._stopping:
            if self._stopped:
                return
            self._ending = True
            self._wake.send(b"x")
            self._thread.join()
            self._wake.close()
            self._awake.close()
            self._stopped = True

    def _run(self) -> None:
        many = sys.platform == "linux" and hasattr(ctypes.PyDLL(None), "recvmmsg")
        read = _many(self._port) if many else _one_by_one(self._port)
        with selectors.DefaultSelector() as selector:
            selector.register(self._port, selectors.EVENT_READ)
            selector.register(self._awake, selectors.EVENT_READ)
            left = LAST_READS
            try:
                while True:
                    ending = self._ending  # what came before that is still read
                    if not ending:
                        selector.select()
                    while left and (datagrams := read()):
                        self._waiting.put(datagrams)
                        self._told()
                        left -= self._ending
                    if ending:
                        return
            except OSError as error:
                self.error = error.strerror or str(error)
                self._told()


def _one_by_one(port: socket.socket) -> Callable[[], list[Datagram]]:
    def read() -> list[Datagram]:
        try:
            data, source = port.recvfrom(_LONGEST)
        except (BlockingIOError, ConnectionError):
            return []
        return [Datagram(data, (source[0], source[1]), _now())]

    return read


def _now() -> Instant:
    return Instant(datetime.now(UTC), time.monotonic())


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Head(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Each(ctypes.Structure):
    _fields_ = (("head", _Head), ("length", ctypes.c_uint))


_NAME = 28
"""Bytes of a sockaddr_in6, the longer of the two."""


def _many(port: socket.socket) -> Callable[[], list[Datagram]]:
    """recvmmsg(2) with the interpreter held: see above. The buffers cost memory only as far as they are filled."""
    call = ctypes.PyDLL(None, use_errno=True).recvmmsg
    buffers = [ctypes.create_string_buffer(_LONGEST) for _ in range(AT_ONCE)]
    names = ctypes.create_string_buffer(_NAME * AT_ONCE)
    vectors = (_Vector * AT_ONCE)()
    every = (_Each * AT_ONCE)()
    name = ctypes.addressof(names)
    for index, buffer in enumerate(buffers):
        vectors[index].base, vectors[index].length = ctypes.addressof(buffer), _LONGEST
        every[index].head.vectors = ctypes.pointer(vectors[index])
        every[index].head.vector_count = 1
        every[index].head.name = name + index * _NAME
    views = [memoryview(buffer) for buffer in buffers]
    plain = memoryview(names)
    descriptor = port.fileno()
    sources: dict[bytes, tuple[str, int]] = {}

    def read() -> list[Datagram]:
        for each in every:
            each.head.name_length = _NAME
        count = call(descriptor, every, AT_ONCE, socket.MSG_DONTWAIT, None)
        if count < 0:
            error = ctypes.get_errno()
            if isinstance(OSError(error, ""), BlockingIOError | ConnectionError | InterruptedError):
                return []
            raise OSError(error, os.strerror(error))
        now = _now()
        found = []
        for index in range(count):
            said = bytes(plain[index * _NAME : index * _NAME + every[index].head.name_length])
            source = sources.get(said)
            if source is None:
                if len(sources) >= 4096:
                    sources.clear()
                source = sources[said] = _source(said)
            found.append(Datagram(bytes(views[index][: every[index].length]), source, now))
        return found

    return read


def _source(said: bytes) -> tuple[str, int]:
    """(address, port) of a sockaddr."""
    port = int.from_bytes(said[2:4], "big")
    if int.from_bytes(said[:2], sys.byteorder) == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, said[8:24]), port
    return socket.inet_ntop(socket.AF_INET, said[4:8]), port
