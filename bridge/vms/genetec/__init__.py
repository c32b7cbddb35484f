"""Genetec Security Center, through the Web SDK role. Source of every protocol fact: reference ``vms-genetec.md``, its
section in brackets.

```yaml
vms:
  hq:
    type: genetec
    url: https://genetec.harbour.example:4590/WebSdk
    user: bridge
    password: secret:genetec
    application: secret:genetec-application
cameras:
  dock: {vms: hq, id: 00000001-0000-babe-0000-080023e940c6}
```
"""

from bridge.vms.genetec.settings import GenetecCamera, GenetecSettings
from bridge.vms.genetec.target import GenetecTarget

__all__ = ["GenetecCamera", "GenetecSettings", "GenetecTarget"]
