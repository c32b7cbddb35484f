"""Sensors behind an MQTT broker: Zigbee and LoRaWAN gateways, cameras, recorders. We are one client of the broker.

    connectors:
      broker:
        type: mqtt
        url: mqtts://broker.harbour.example
        user: bridge
        password: secret:broker
        availability: [{topic: zigbee2mqtt/bridge/state}]
    sensors:
      cellar-leak:
        kind: leak
        profile: zigbee2mqtt
        connector: broker
        address: {topic: "zigbee2mqtt/Cellar/Leak 1/#"}
        cameras: [cellar]

One session carries every sensor. A message of QoS 1 is acknowledged after its commit, in the order it came, and what
the broker keeps for us while we are away comes when we are back.
"""

from connectors.mqtt.connector import MqttConnector
from connectors.mqtt.settings import MqttAddress, MqttSettings

__all__ = ["MqttAddress", "MqttConnector", "MqttSettings"]
