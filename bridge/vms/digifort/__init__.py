"""Digifort, through its HTTP API. Source of every protocol fact: reference ``vms-digifort.md``, its section in
brackets.

```yaml
vms:
  plant: {type: digifort, url: "https://digifort.harbour.example:8601", user: bridge, password: secret:digifort}
cameras:
  boiler: {vms: plant, id: CAM01}
```
"""

from bridge.vms.digifort.settings import DigifortCamera, DigifortSettings
from bridge.vms.digifort.target import DigifortTarget

__all__ = ["DigifortCamera", "DigifortSettings", "DigifortTarget"]
