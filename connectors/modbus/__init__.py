"""Devices that are polled over Modbus: TCP, RTU on a serial line, RTU over TCP.

    connectors:
      plant: {type: modbus, host: 10.0.0.40, poll: 500 ms}
      cellar: {type: modbus, serial: /dev/ttyUSB0, baud: 9600, parity: even, poll: 1 s}
    sensors:
      server-room-leak:
        kind: leak
        profile: contact
        connector: plant
        address: {discrete_input: 12, unit: 3, of: leak}
        cameras: [gate-wide]
      cold-store:
        profile: analogue
        connector: cellar
        address:
          unit: 7
          input_register: 0
          as: int16
          scale: 0.1
          measure: °C
          of: temperature
          thresholds: {high: -15, high_high: -10, hysteresis: 0.5}
        cameras: [gate-wide]

Nothing is ever written to a device. What was told of a point last is committed with the message that tells it: what
changed while the bridge was stopped is told once when it runs again.
"""

from connectors.modbus.address import ModbusAddress
from connectors.modbus.connector import ModbusConnector
from connectors.modbus.settings import ModbusSettings

__all__ = ["ModbusAddress", "ModbusConnector", "ModbusSettings"]
