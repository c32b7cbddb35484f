"""The connection to a device, a gateway or a serial line: one question at a time. Imports pymodbus.

Only reads are ever sent: function codes 1 to 4.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType

from connectors.modbus.address import BITS
from connectors.modbus.plan import Block
from connectors.modbus.settings import ModbusSettings

try:
    from termios import error as _termios_error
except ModuleNotFoundError:  # Windows
    _NO_SUCH_SETTING: tuple[type[Exception], ...] = ()
else:
    _NO_SUCH_SETTING = (_termios_error,)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymodbus.pdu import ModbusPDU

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # one line a question: what is wrong is said by us

_FUNCTIONS = {"coil": 1, "discrete_input": 2, "holding_register": 3, "input_register": 4}
_PARITIES = {"none": "N", "even": "E", "odd": "O"}

_EXCEPTIONS = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "server device failure",
    5: "acknowledge", 6: "server device busy", 8: "memory parity error", 10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}  # fmt: skip

_busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""By line: two connectors of one device take turns, question by question."""


class Gone(Exception):
    """There is no connection; says why."""


class Silent(Exception):
    """The unit did not answer in time; says so."""


class Refused(Exception):
    """The unit answered with an exception code (MODBUS Application Protocol V1.1b3, 7)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{_EXCEPTIONS.get(code, 'unknown exception')} (exception {code})")
        self.code = code


class Odd(Exception):
    """The answer is none to the question; says in what."""


class Line:
    """``read`` asks; what is wrong with an answer is an exception, and the next question begins afresh."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None
        self._lock = _busy.setdefault(settings.line, asyncio.Lock())
        self._unclear_until = 0.0
        self._free_at = 0.0
        self._odd = False

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def connect(self) -> None:
        """Raises Gone."""
        if self.connected:
            return
        self.close()
        settings = self._settings
        client = self._client = self._made()
        try:
            async with asyncio.timeout(settings.timeout + 1.0):
                connected = await client.connect()
            _not_stopped()
            if connected:
                return
        except _NO_SUCH_SETTING as error:
            self.close()
            raise Gone(f"{settings.line} does not take baud, parity or stop_bits as they are set: {error}") from None
        except (TimeoutError, OSError, ModbusException):
            pass
        self.close()
        what = "cannot be opened" if settings.serial else f"cannot be connected to within {settings.timeout:g} s"
        raise Gone(f"{settings.line} {what}")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(self, block: Block) -> Sequence[int]:
        """The bits or registers of a block. Raises Gone, Silent, Refused or Odd."""
        async with self._lock:
            await self._quiet()
            asking = asyncio.ensure_future(self._read(block))
            try:
                return await asyncio.shield(asking)
            except asyncio.CancelledError:
                # What is asked is answered, or given up, before the line is anybody else's.
                await asyncio.wait({asking}, timeout=self._settings.timeout + 1.0)
                asking.cancel()
                raise
            finally:
                self._free_at = time.monotonic() + self._settings.pause
                if asking.done() and not asking.cancelled():
                    asking.exception()  # it is known, or nobody wants to know it any more

    async def _quiet(self) -> None:
        """An answer that comes too late, on a line without transaction numbers, would be taken for the next one."""
        wait = max(self._unclear_until, self._free_at) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        if self._unclear_until:
            self._unclear_until = 0.0
            self.close()
        await self.connect()

    async def _read(self, block: Block) -> Sequence[int]:
        client = self._client
        assert client is not None
        settings = self._settings
        ask = {
            "coil": client.read_coils,
            "discrete_input": client.read_discrete_inputs,
            "input_register": client.read_input_registers,
            "holding_register": client.read_holding_registers,
        }[block.table]
        self._odd = False
        try:
            answer: ModbusPDU = await ask(block.start, count=block.count, device_id=block.unit)
        except ModbusException:
            if not client.connected:
                raise Gone(f"{settings.line} closed the connection") from None
            if settings.serial or settings.framing == "rtu":
                self._unclear_until = time.monotonic() + settings.timeout
            if self._odd:
                self.close()
                raise Odd("sends what is no answer") from None
            raise Silent(f"does not answer within {settings.timeout:g} s") from None
        except OSError as error:
            self.close()
            raise Gone(f"{settings.line}: {error.strerror or error}") from None
        if answer.isError():
            raise Refused(answer.exception_code)
        found: Sequence[int] = answer.bits if block.table in BITS else answer.registers
        if answer.function_code != _FUNCTIONS[block.table] or not _fits(len(found), block):
            self.close()
            raise Odd(f"answers another question than the one for {block.label}")
        return found[: block.count]

    def _made(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        """Without retries and reconnecting of its own: one question is one question."""
        settings = self._settings
        if settings.serial:
            stop_bits = settings.stop_bits or (2 if settings.parity == "none" else 1)
            return AsyncModbusSerialClient(
                settings.serial, baudrate=settings.baud, parity=_PARITIES[settings.parity], stopbits=stop_bits,
                timeout=settings.timeout, retries=0, reconnect_delay=0,
            )  # fmt: skip
        framer = FramerType.SOCKET if settings.framing == "tcp" else FramerType.RTU
        return AsyncModbusTcpClient(
            settings.host, port=settings.port, framer=framer, timeout=settings.timeout, retries=0, reconnect_delay=0,
            trace_packet=self._looked_at if settings.framing == "tcp" else None,
        )  # fmt: skip

    def _looked_at(self, sending: bool, data: bytes) -> bytes:
        """What came is withheld from the library where it is no answer to a read: it would take a frame whose count is
        a lie for an answer, and fall over a function that it does not know."""
        if sending or len(data) < 9:
            return data
        code, count, length = data[7], data[8], int.from_bytes(data[4:6], "big")
        if data[2:4] == b"\x00\x00" and (code > 0x80 or (code in (1, 2, 3, 4) and count + 3 == length)):
            return data
        self._odd = True
        return b""


def _not_stopped() -> None:
    """Python 3.11's wait_for, which the library waits with, keeps a cancellation to itself that comes together with
    what is waited for."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _fits(found: int, block: Block) -> bool:
    """Bits come in whole bytes."""
    return found == (-(-block.count // 8) * 8 if block.table in BITS else block.count)
