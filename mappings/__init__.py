"""What comes with the bridge as data: device profiles, example sites, and what tests have shown of all that comes."""

from pathlib import Path

FOLDER = Path(__file__).parent
PROFILES = FOLDER / "profiles"
SITES = FOLDER / "sites"
SITE_SCHEMA = FOLDER / "site.schema.json"
QUALITY_SHOWN = FOLDER / "quality" / "shown.json"
QUALITY_BY_HAND = FOLDER / "quality" / "by-hand.yaml"
