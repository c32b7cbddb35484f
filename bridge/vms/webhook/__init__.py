"""Any HTTP endpoint as a VMS: one request for every event, its body a JSON document or a template of yours.

```yaml
vms:
  hook: {type: webhook, url: "https://alarms.harbour.example/in/{camera}"}
cameras:
  gate-in: {vms: hook}
```
"""

from bridge.vms.webhook.settings import WebhookCamera, WebhookSettings
from bridge.vms.webhook.target import WebhookTarget

__all__ = ["WebhookCamera", "WebhookSettings", "WebhookTarget"]
