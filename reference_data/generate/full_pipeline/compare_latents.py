"""compare_latents.py EXPECTED GOT: do the latents of `ldm txt2img --save-latents GOT` agree with diffusers'?"""
import sys

import numpy as np
from safetensors.numpy import load_file

expected, got = load_file(sys.argv[1]), load_file(sys.argv[2])
scale, failed = float(np.abs(expected["final"]).max()), 0
for name in ["noise", *sorted(k for k in expected if k.startswith("step.")), "final"]:
    if (
        name not in got
        or got[name].shape != expected[name].shape
        or not np.isfinite(got[name]).all()
    ):
        print(f"FAIL {name}: missing, of another shape or not finite")
        failed += 1
        continue
    error = float(np.abs(expected[name].astype(np.float64) - got[name]).max())
    allowed = 1e-6 if name == "noise" else 1e-3 * scale
    exact = ", bit for bit" if np.array_equal(expected[name], got[name]) else ""
    print(
        f"{'PASS' if error <= allowed else 'FAIL'} {name}: largest difference {error:.3g}, allowed {allowed:.3g}{exact}"
    )
    failed += error > allowed
sys.exit(1 if failed else 0)
