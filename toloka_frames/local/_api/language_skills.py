"""The global skills of Tolokers who have passed a language test, which every service has.

Their ids are those of Toloka-Kit 1.2.3 (`toloka.client.filter.Languages`); no source has their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toloka_frames.local._store.store import Store

# the value of a Toloker who has passed the test is 100
LANGUAGE_SKILLS = {
    "AR": "30724",
    "DE": "26377",
    "EN": "26366",
    "ES": "32346",
    "FR": "26711",
    "HE": "44954",
    "HU": "54378",
    "ID": "39821",
    "JA": "26513",
    "PT": "26714",
    "RU": "26296",
    "SV": "29789",
    "UK": "48836",
    "ZH-HANS": "44742",
}
_OWNER = {"id": "0" * 32, "myself": False}
_CREATED = "2020-01-01T00:00:00"


def offer_language_skills(store: Store) -> None:
    """Add the language skills that the store does not have."""
    with store.transaction():
        for language, skill_id in LANGUAGE_SKILLS.items():
            if store.find("skills", skill_id) is None:
                _add(store, language, skill_id)


def _add(store: Store, language: str, skill_id: str) -> None:
    name = f"Language test: {language}"
    row = {"id": skill_id, "name": name, "public_name": {"EN": name}, "hidden": False, "training": False, "deprecated": False}
    store.add("skills", {**row, "global": True, "owner": _OWNER, "created": _CREATED})
