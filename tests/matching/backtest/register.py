"""A small made-up register in the shape of the shared files."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matching.backtest import records
from matching.backtest.learnt import Learnt
from matching.backtest.records import PAIR_COLUMNS, Records
from matching.engine import evidence
from sponsors.criteria import DEFAULT_WEIGHTS

EQUAL = Learnt(dict.fromkeys(evidence.LEAVES, 1.0), dict(DEFAULT_WEIGHTS), "none")


def trial(number: int, start: str, *cros: str, **changes: Any) -> dict[str, Any]:
    """Make a record that names some CROs as collaborators."""
    return {
        "nct_id": f"NCT{number:08}",
        "title": "A trial",
        "lead_sponsor": "Acme Pharma, Inc.",
        "lead_class": "INDUSTRY",
        "cro_found": [named(cro) for cro in cros],
        "conditions": ["Asthma"],
        "mesh_conditions": ["Asthma"],
        "phase": "PHASE2",
        "study_type": "INTERVENTIONAL",
        "intervention_types": ["DRUG"],
        "enrolment": "100",
        "start_date": start,
        "reg_year_est": int(start[:4]) if start else "",
        "countries": ["Poland"],
        "n_sites": 5,
        **changes,
    }


def named(cro: str, *fields: str) -> dict[str, Any]:
    return {
        "cro": cro,
        "group": cro,
        "kind": "full",
        "fields": list(fields) or ["collaborator"],
    }


def pair(row: Mapping[str, Any], cro: str, /, **changes: str) -> dict[str, str]:
    """Make the pair of a record and a CRO."""
    return {
        "nct_id": row["nct_id"],
        "year": row["start_date"][:4] or "2014",
        "split": "valid",
        "cro_group": cro,
        "cro": cro,
        "kind": "full",
        "fields": "collaborator",
        "phase": row["phase"],
        "lead_sponsor": row["lead_sponsor"],
        "lead_class": row["lead_class"],
        "enrolment": row["enrolment"],
        "countries": "|".join(row["countries"]),
        "mesh_conditions": "|".join(row["mesh_conditions"]),
        "conditions": "|".join(row["conditions"]),
        "intervention_types": "|".join(row["intervention_types"]),
        **changes,
    }


def write_trials(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_pairs(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, PAIR_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(
    folder: Path,
    trials: Iterable[Mapping[str, Any]],
    pairs: Iterable[Mapping[str, str]],
) -> Records:
    return records.read(
        [write_trials(folder / "trials.jsonl", trials)],
        [write_pairs(folder / "pairs.csv", pairs)],
    )
