"""compare.py STORED FRESH CHAPTER...: do the stored cases still come out? Drift in multiples of each tensor's tolerance."""
import json
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open

INPUTS = ("in/", "param/", "cotangent/")
MADE_ELSEWHERE = {"pipeline_latents.safetensors"}  # by full_pipeline/run --draw
SETTINGS = ("format", "component", "situation", "config", "recipe", "note")


def read(path):
    with safe_open(path, framework="numpy") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}


def meaning(settings, key):
    return (
        json.loads(settings[key])
        if key in ("config", "recipe") and key in settings
        else settings.get(key)
    )


def drift(stored_path, fresh_path):
    """(largest error in tolerances, its tensor), or what else is different."""
    if stored_path.suffix == ".json":
        return (
            (0.0, "")
            if stored_path.read_bytes() == fresh_path.read_bytes()
            else (float("inf"), "different content")
        )
    (old_settings, old), (settings, new) = read(stored_path), read(fresh_path)
    changed = [key for key in SETTINGS if meaning(old_settings, key) != meaning(settings, key)]
    if changed or old.keys() != new.keys() or any(old[k].shape != new[k].shape for k in old):
        return float("inf"), "different " + (", ".join(changed) or "tensors")
    tolerance, worst = json.loads(old_settings.get("tolerance", "{}")), (0.0, "")
    for name, x in new.items():
        error = (
            float(np.abs(x.astype(np.float64) - old[name].astype(np.float64)).max())
            if x.size
            else 0.0
        )
        allowed = tolerance.get(name, {"tol": 0.0})["tol"] if not name.startswith(INPUTS) else 0.0
        worst = max(worst, (error / allowed if allowed else (float("inf") if error else 0.0), name))
    return worst


def main(stored, fresh, *chapters):
    failed = 0
    for chapter in chapters:
        old, new = (
            {p.name for p in Path(folder, chapter).glob("*.*")} for folder in (stored, fresh)
        )
        largest = 0.0
        for name in sorted((old ^ new) - MADE_ELSEWHERE):
            print(f"DRIFT {chapter}/{name}: only {'stored' if name in old else 'made now'}")
            failed += 1
        for name in sorted(old & new):
            ratio, what = drift(Path(stored, chapter, name), Path(fresh, chapter, name))
            largest = max(largest, ratio)
            if ratio > 1:
                print(f"DRIFT {chapter}/{name}: {what} x{ratio:.3g}")
                failed += 1
        print(f"{chapter}: {len(old & new)} files, largest drift {largest:.3g} tolerances")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
