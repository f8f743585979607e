"""Where a step's time goes: device time of every kernel of one whole step, from ncu, as one table and one JSON line.

usage: python bench/step/kernels.py COMMAND...      the command trains several steps, as `node build/step.mjs --runs 0` does
Kernels are timed one by one, so the sum is what the card does when it is never hot and never waits: a step under its power limit
takes longer. A step is what lies between two ends of AdamW.
"""
import collections, csv, io, json, re, subprocess, sys

listing = subprocess.run(["ncu", "--metrics", "gpu__time_duration.sum", "--clock-control", "none", "--csv", "--page", "raw", *sys.argv[1:]],
                         capture_output=True, text=True)
rows = list(csv.reader(io.StringIO("\n".join(line for line in listing.stdout.splitlines() if line.startswith('"')))))
if len(rows) < 3:
    sys.exit(f"ncu gave no kernels: {listing.stdout[-500:]} {listing.stderr[-500:]}")
name, time, grid = (rows[0].index(column) for column in ("Kernel Name", "gpu__time_duration.sum", "Grid Size"))
scale = {"ns": 1e-6, "us": 1e-3, "usecond": 1e-3, "nsecond": 1e-6, "ms": 1.0}[rows[1][time]]
kernels = [(re.sub(r"^void |\(.*$", "", row[name]).replace("lora::cuda::", ""), row[grid], float(row[time].replace(",", "")) * scale) for row in rows[2:]]
ends = [i for i, kernel in enumerate(kernels) if kernel[0].startswith("adamw_report")]
if len(ends) < 2:
    sys.exit(f"expected two steps or more, got {len(ends)} ends of AdamW in {len(kernels)} kernels")
step = kernels[ends[-2] + 1:ends[-1] + 1]
groups = collections.defaultdict(list)
for kernel, size, milliseconds in step:
    groups[(kernel, size)].append(milliseconds)
total = sum(kernel[2] for kernel in step)
table = sorted(((sum(times), len(times), *key) for key, times in groups.items()), reverse=True)
for milliseconds, count, kernel, size in table:
    print(f"{milliseconds:9.3f} ms {milliseconds / total:6.1%} {count:5d} x {milliseconds / count * 1e3:9.1f} us  {kernel} {size}")
print(json.dumps({"case": "step/kernels", "kernels": len(step), "sumMs": round(total, 2),
                  "table": [{"kernel": kernel, "grid": size, "launches": count, "ms": round(milliseconds, 3)} for milliseconds, count, kernel, size in table]}))
