"""ZoneMinder. Source of every protocol fact: reference ``vms-zoneminder.md``, its section in brackets; what was seen on
the Debian package 1.36.33 running (``tests/vms/zoneminder``) says so.

```yaml
vms:
  yard: {type: zoneminder, url: https://zm.harbour.example/zm, user: bridge, password: secret:zoneminder}
cameras:
  dock: {vms: yard, id: 3}
```
"""

from bridge.vms.zoneminder.settings import ZoneMinderCamera, ZoneMinderSettings
from bridge.vms.zoneminder.target import ZoneMinderTarget

__all__ = ["ZoneMinderCamera", "ZoneMinderSettings", "ZoneMinderTarget"]
