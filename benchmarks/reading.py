"""How long `read_table` takes for a large table, and how much memory it asks for, beside `pandas.read_csv`.

    python benchmarks/reading.py                        # 1,000,000 rows of 30 columns, three rounds
    python benchmarks/reading.py --rows 20000 --rounds 1
    python benchmarks/reading.py --beside ../other      # another checkout takes its turn too

Every reading has a process of its own, because the most memory that a process
held never goes down again; in each round every contender takes its turn, so a
busy machine slows all alike. Seconds and memory are those of the reading alone,
without the import of pandas. Memory is read from `/proc`, so on Linux only.
Medians over the rounds are printed, also of processor time, which others on
the machine disturb less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent.parent

READ = """
import json, re, sys, time
import numpy, pandas, pyarrow, pyarrow.csv, pyarrow.compute
from socbayes.table import read_table
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024**2
before, start, worked = peak(), time.perf_counter(), time.process_time()
table = {call}
print(json.dumps([time.perf_counter() - start, time.process_time() - worked, peak() - before]))
"""
CALLS = {"read_table": "read_table(sys.argv[1], 'field_soc')", "pandas.read_csv": "pandas.read_csv(sys.argv[1])"}


def plots(rows: int) -> pd.DataFrame:
    """Make a table of field plots with 30 columns, 6 of them text; a tenth of the measurements is missing."""
    rng = np.random.default_rng(1)
    count = np.arange(rows)
    text = {
        "site": np.array([f"Site {n}" for n in range(100)])[count % 100],
        "plot": np.char.add("P", (count // 100).astype(str)),
        "year": 1990 + count % 30,
        "study": np.array(["Long-term trial", "Survey"])[count % 2],
        "treatment": np.array(["control", "manure", "straw", "cover crop"])[count % 4],
        "ecosystem": np.array(["cropland", "grassland"])[count % 2],
        "doi": "10.1000/example",
    }
    numbers = {
        "depth_bottom [cm]": (20.0, 40.0),
        "soc_stock [t/ha]": (30, 90),
        "soc_stock_sd [t/ha]": (1, 6),
        "soil_organic_carbon [%]": (0.6, 3.5),
        "soil_organic_carbon_sd [%]": (0.01, 0.3),
        "particulate_organic_carbon [g/kg]": (1, 5),
        "particulate_organic_carbon_sd [g/kg]": (0.1, 0.9),
        "mineral_associated_organic_carbon [g/kg]": (0.5, 0.9),
        "mineral_associated_organic_carbon_sd [g/kg]": (0.01, 0.1),
        "microbial_biomass [mg/kg]": (100, 900),
        "microbial_biomass_sd [mg/kg]": (10, 90),
        "necromass [g/kg]": (1, 5),
        "necromass_sd [g/kg]": (0.1, 0.9),
        "co2_flux [g C m-2 d-1]": (0.5, 4),
        "co2_flux_sd [g C m-2 d-1]": (0.05, 0.4),
        "bulk_density [g/cm3]": (0.9, 1.6),
        "replicates": (3, 6),
        "ph": (4.5, 8.2),
        "clay [%]": (4, 40),
        "silt_and_clay [%]": (41, 90),
        "latitude": (-60, 60),
        "longitude": (-180, 180),
    }
    frame = pd.DataFrame(text)
    for name, (low, high) in numbers.items():
        cells = rng.uniform(low, high, rows).round(3)
        frame[name] = np.where(rng.uniform(size=rows) < 0.1, np.nan, cells)
    frame.insert(7, "depth_top [cm]", 0.0)
    return frame


def reading(file: Path, call: str, checkout: Path) -> list[float]:
    """Seconds, seconds of processor time and GiB of one reading in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READ.replace("{call}", CALLS[call]), str(file)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print medians of seconds and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="another checkout")
    given = parser.parse_args()
    contenders = {"read_table": ("read_table", HERE), "pandas.read_csv": ("pandas.read_csv", HERE)}
    if given.beside:
        contenders[f"read_table of {given.beside}"] = ("read_table", given.beside.resolve())
    results: dict[str, list[list[float]]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plots.csv"
        frame = plots(given.rows)
        frame.to_csv(file, index=False)
        print(f"{len(frame):,} rows of {frame.shape[1]} columns, {file.stat().st_size / 1e6:,.0f} MB")
        del frame
        for _ in range(given.rounds):
            for name, (call, checkout) in contenders.items():
                results[name].append(reading(file, call, checkout))
    width = max(map(len, results))
    print(f"{'':{width}}  seconds  of processor  memory beyond the start (GiB)")
    for name, seen in results.items():
        seconds, worked, memory = (statistics.median(values) for values in zip(*seen, strict=True))
        print(f"{name:{width}}  {seconds:7.1f}  {worked:12.1f}  {memory:6.2f}")


if __name__ == "__main__":
    main()
