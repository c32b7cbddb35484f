"""VXG Cloud VMS (VideoExpertsGroup). Source of every protocol fact: reference ``vms-vxg.md``, its section in brackets.

```yaml
vms:
  cloud: {type: vxg, url: https://web.harbour.example}
cameras:
  gate-in: {vms: cloud, id: 4711, token: secret:gate-in}
```
"""

from bridge.vms.vxg.settings import VxgCamera, VxgSettings
from bridge.vms.vxg.target import VxgTarget

__all__ = ["VxgCamera", "VxgSettings", "VxgTarget"]
