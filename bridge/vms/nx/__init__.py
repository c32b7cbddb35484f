"""Nx Witness (also Nx Meta, DW Spectrum, Wisenet WAVE). Source of every protocol fact: reference ``vms-nxwitness.md``,
its section in brackets; what it marks as unknown is a setting, or both are taken.

```yaml
vms:
  yard:
    {type: nx, url: "https://nx.harbour.example:7001", tls: {fingerprint: AB:CD:…}, user: bridge, password: secret:nx}
cameras:
  dock: {vms: yard, id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301}
```
"""

from bridge.vms.nx.settings import NxCamera, NxSettings
from bridge.vms.nx.target import NxTarget

__all__ = ["NxCamera", "NxSettings", "NxTarget"]
