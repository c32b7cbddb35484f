"""Modbus devices for tests: an independent server (pyModbusTCP), an independent RTU slave (libmodbus), a device that
answers what it is told to, byte for byte, and one that is not there at all."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pyModbusTCP.server import DataBank, DataHandler, ModbusServer

from bridge.model import ConnectorId
from connectors.modbus import ModbusAddress, ModbusConnector, ModbusSettings
from tests.connectors.conftest import BOUND, Vault
from tests.connectors.outgoing import until


def modbus(
    *addresses: dict[str, object], host: str = "127.0.0.1", port: int = 502, **settings: object
) -> ModbusConnector:
    where: dict[str, object] = {} if "serial" in settings else {"host": host, "port": port}
    usual: dict[str, object] = {"poll": "20 ms", "timeout": "5 s"}
    return ModbusConnector(
        ConnectorId("plant"), ModbusSettings.model_validate({**usual, **where, **settings}), points(*addresses), Vault()
    )


def points(*addresses: dict[str, object]) -> Sequence[ModbusAddress]:
    return [ModbusAddress.model_validate(address) for address in addresses]


# ------------------------------------------------------------------------------------------------ pyModbusTCP, over TCP


class Panel(DataHandler):  # type: ignore[misc]
    """A device with all four tables, behind pyModbusTCP's server. ``asked``: (function, address, count, unit) of each
    question; ``at_once``: the most that were being answered at one time, when each ``takes`` so many seconds.
    ``holes``: addresses it refuses with exception 2; ``refuses``: unit → exception."""

    def __init__(self) -> None:
        super().__init__(DataBank())
        self.asked: list[tuple[str, int, int, int]] = []
        self.holes: set[int] = set()
        self.refuses: dict[int, int] = {}
        self.at_once = 0
        self.takes = 0.0
        self._now = 0
        self._count = threading.Lock()
        self._server = ModbusServer(host="127.0.0.1", port=0, no_block=True, data_hdl=self)

    def as_new(self) -> None:
        """Forget all that was set and asked; who is still connected goes on."""
        self.data_bank = DataBank()
        self.asked, self.holes, self.refuses, self.at_once, self.takes = [], set(), {}, 0, 0.0

    def start(self) -> None:
        self._server.start()
        self._server.port = self.port = self._server._service.server_address[1]

    def stop(self) -> None:
        self._server.stop()
        self._server._serve_th.join(BOUND)

    def _answer(self, what: str, address: int, count: int, info: Any, read: Callable[..., Any]) -> Any:
        unit = info.recv_frame.mbap.unit_id
        with self._count:
            self._now += 1
            self.at_once = max(self.at_once, self._now)
        try:
            self.asked.append((what, address, count, unit))
            if self.takes:
                time.sleep(self.takes)
            if unit in self.refuses:
                return DataHandler.Return(exp_code=self.refuses[unit])
            if self.holes & set(range(address, address + count)):
                return DataHandler.Return(exp_code=2)
            return read(address, count, info)
        finally:
            with self._count:
                self._now -= 1

    def read_coils(self, address: int, count: int, srv_info: Any) -> Any:
        return self._answer("coil", address, count, srv_info, super().read_coils)

    def read_d_inputs(self, address: int, count: int, srv_info: Any) -> Any:
        return self._answer("discrete_input", address, count, srv_info, super().read_d_inputs)

    def read_h_regs(self, address: int, count: int, srv_info: Any) -> Any:
        return self._answer("holding_register", address, count, srv_info, super().read_h_regs)

    def read_i_regs(self, address: int, count: int, srv_info: Any) -> Any:
        return self._answer("input_register", address, count, srv_info, super().read_i_regs)

    def write_coils(self, address: int, bits_l: Any, srv_info: Any) -> Any:
        raise AssertionError("something was written to a device")

    def write_h_regs(self, address: int, words_l: Any, srv_info: Any) -> Any:
        raise AssertionError("something was written to a device")

    def inputs(self, *values: bool, at: int = 0) -> None:
        self.data_bank.set_discrete_inputs(at, list(values))

    def coils(self, *values: bool, at: int = 0) -> None:
        self.data_bank.set_coils(at, list(values))

    def registers(self, *values: int, at: int = 0) -> None:
        self.data_bank.set_input_registers(at, list(values))

    def holding(self, *values: int, at: int = 0) -> None:
        self.data_bank.set_holding_registers(at, list(values))

    def counted(self) -> Counter[tuple[str, int, int, int]]:
        return Counter(self.asked)


@contextmanager
def panel() -> Iterator[Panel]:
    made = Panel()
    made.start()
    try:
        yield made
    finally:
        made.stop()


async def settled(device: Panel, questions: int = 3) -> None:
    """Wait until the device was asked some more."""
    before = len(device.asked)
    await until(lambda: len(device.asked) >= before + questions)


# -------------------------------------------------------------------------------------------- a device of literal bytes


Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """Reads whole questions (MBAP, or with ``length`` so many bytes) and lets ``answer`` do with each what it wants."""

    def __init__(self, answer: Answer, length: int | None = None) -> None:
        self.answer = answer
        self.connections = 0
        self.questions: list[bytes] = []
        self.port = 0
        self._length = length

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                if self._length is None:
                    head = await reader.readexactly(6)
                    question = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                else:
                    question = await reader.readexactly(self._length)
                self.questions.append(question)
                await self.answer(question, writer)
        writer.close()


@asynccontextmanager
async def scripted(answer: Answer, length: int | None = None) -> AsyncIterator[Scripted]:
    device = Scripted(answer, length)
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()


def bits_answer(question: bytes, *octets: int) -> bytes:
    """The answer of a device over TCP to a question for bits or registers, with its transaction and unit."""
    pdu = bytes([question[7], len(octets), *octets])
    return question[:4] + (len(pdu) + 1).to_bytes(2, "big") + question[6:7] + pdu


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no SYN: its queue is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    waiting = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
        waiting.append(filler)
    try:
        yield port
    finally:
        for each in (*waiting, listener):
            each.close()


# ------------------------------------------------------------------------------------------------- libmodbus, over RTU


class _Mapping(ctypes.Structure):
    """``modbus_mapping_t`` of libmodbus 3.1."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits")),
        *((name, ctypes.c_int) for name in ("nb_input_registers", "start_input_registers")),
        *((name, ctypes.c_int) for name in ("nb_registers", "start_registers")),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    ]  # fmt: skip


def libmodbus() -> ctypes.CDLL | None:
    try:
        found = ctypes.CDLL("libmodbus.so.5")
    except OSError:
        return None
    found.modbus_new_rtu.restype = ctypes.c_void_p
    found.modbus_new_rtu.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_char, ctypes.c_int, ctypes.c_int]
    found.modbus_mapping_new.restype = ctypes.POINTER(_Mapping)
    for name in ("connect", "close", "free"):
        getattr(found, f"modbus_{name}").argtypes = [ctypes.c_void_p]
    found.modbus_set_slave.argtypes = found.modbus_set_error_recovery.argtypes = [ctypes.c_void_p, ctypes.c_int]
    found.modbus_set_indication_timeout.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
    found.modbus_receive.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    found.modbus_reply.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(_Mapping)]
    return found


class Slave:
    """A libmodbus slave of one unit on a serial line, in a thread; ``tables`` are its memory."""

    def __init__(self, library: ctypes.CDLL, port: str, unit: int) -> None:
        self._library = library
        self._context = library.modbus_new_rtu(port.encode(), 19200, b"E", 8, 1)
        assert library.modbus_set_slave(self._context, unit) == 0
        assert library.modbus_set_error_recovery(self._context, 4) == 0  # of the protocol: throw away what is none
        assert library.modbus_connect(self._context) == 0
        library.modbus_set_indication_timeout(self._context, 0, 100_000)
        self._mapping = library.modbus_mapping_new(100, 100, 100, 100)
        self.tables = self._mapping.contents
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        question = ctypes.create_string_buffer(260)
        while not self._stopping:
            length = self._library.modbus_receive(self._context, question)
            if length > 0:
                self._library.modbus_reply(self._context, question, length, self._mapping)

    def stop(self) -> None:
        self._stopping = True
        self._thread.join(BOUND)
        self._library.modbus_close(self._context)
        self._library.modbus_free(self._context)


@asynccontextmanager
async def serial_pair(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Two ends of a line, made by socat."""
    program = shutil.which("socat")
    assert program is not None
    ends = [folder / "ours", folder / "theirs"]
    process = await asyncio.create_subprocess_exec(program, *[f"pty,raw,echo=0,link={end}" for end in ends])
    try:
        async with asyncio.timeout(BOUND):
            while not all(end.exists() for end in ends):
                await asyncio.sleep(0.01)
        yield str(ends[0]), str(ends[1])
    finally:
        process.terminate()
        async with asyncio.timeout(BOUND):
            await process.wait()


@asynccontextmanager
async def serial_server(end: str) -> AsyncIterator[int]:
    """A gateway, made by socat: what is on the line is passed on over TCP as it is. Its port."""
    program = shutil.which("socat")
    assert program is not None
    listen, line = "TCP4-LISTEN:0,bind=127.0.0.1,fork", f"FILE:{end},raw,echo=0"
    process = await asyncio.create_subprocess_exec(program, "-dd", listen, line, stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        async with asyncio.timeout(BOUND):
            said = ""
            while "listening on" not in said:
                said = (await process.stderr.readline()).decode()
        yield int(said.rpartition(":")[2])
    finally:
        process.terminate()
        async with asyncio.timeout(BOUND):
            await process.communicate()
