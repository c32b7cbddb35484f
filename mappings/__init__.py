"""What comes with the bridge as data: device profiles and example sites."""

from pathlib import Path

FOLDER = Path(__file__).parent
PROFILES = FOLDER / "profiles"
SITES = FOLDER / "sites"
SITE_SCHEMA = FOLDER / "site.schema.json"
