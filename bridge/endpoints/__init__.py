"""Endpoints out: where other programs get the site's events, named in the site file.

```yaml
endpoints:
  control-room: {type: websocket, bind: 127.0.0.1:8090, token: secret:control-room, filter: {kinds: [lpr]}}
  erp: {type: webhook, url: https://erp.example/in, headers: {Authorization: secret:erp}, filter: {types: [vehicle.*]}}
```
"""
