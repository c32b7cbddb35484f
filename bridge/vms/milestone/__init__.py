"""Milestone XProtect. Source of every protocol fact: reference ``vms-milestone.md``, its section in brackets; what it
marks as not known is a setting here.

```yaml
vms:
  depot: {type: milestone, event_server: "http://events.harbour.example:9090", event_name: Sensor Alert}
cameras:
  dock: {vms: depot, id: 0b4a2f7e-1111-4222-8333-944445555666}
```
"""

from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.milestone.target import MilestoneTarget

__all__ = ["MilestoneCamera", "MilestoneSettings", "MilestoneTarget"]
