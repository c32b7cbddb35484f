"""Frigate: manual events through its HTTP API. Source of every protocol fact: reference ``vms-frigate.md``, its section
in brackets.

```yaml
vms:
  nvr: {type: frigate, url: https://frigate.harbour.example:8971, user: bridge, password: secret:frigate}
cameras:
  dock: {vms: nvr, id: loading_dock}
```
"""

from bridge.vms.frigate.settings import FrigateCamera, FrigateSettings
from bridge.vms.frigate.target import FrigateTarget

__all__ = ["FrigateCamera", "FrigateSettings", "FrigateTarget"]
