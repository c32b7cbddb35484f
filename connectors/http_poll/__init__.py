"""Devices and platforms that are asked for what is new, again and again; also fills what a push lost.

    connectors:
      gate-memory:
        type: http-poll
        url: http://10.0.0.21/local/fflprapp/search.cgi
        query: {TimestampFrom: "{cursor}", offset: "{offset}", limit: "{limit}"}
        digest: secret:gate-camera
        every: 30 s
        items: event
        cursor: {from: "event[*].TS", write: us}
        pages: {by: offset, limit: 50}
    sensors:
      gate-lpr:
        kind: lpr
        profile: cammra
        connector: lpr
        address: {path: /gate}
        also: {gate-memory: }
        cameras: [gate-in]

How far it has read is committed with the messages it read: after a stop or a kill it goes on from there.
"""

from connectors.http_poll.connector import HttpPollConnector
from connectors.http_poll.settings import HttpPollAddress, HttpPollSettings

__all__ = ["HttpPollAddress", "HttpPollConnector", "HttpPollSettings"]
