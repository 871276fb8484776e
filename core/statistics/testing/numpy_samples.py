"""Writes numpy_samples.json beside this file: what pandas' DataFrame.sample takes, by row numbers.

usage: pip install pandas; python core/statistics/testing/numpy_samples.py
"""

import json
from pathlib import Path

import pandas

CASES = [(1, 1, 0), (2, 1, 7), (5, 5, 42), (10, 3, 42), (31, 8, 2**31 - 1), (1000, 20, 42)]
# As large as upstream's test sets; the first and last of the 3,000 tell a whole shuffle apart.
LARGE = (11_313, 3_000, 42)


def draw(total, size, seed):
    rows = pandas.DataFrame({"row": range(total)})
    return rows.sample(n=size, random_state=seed)["row"].tolist()


large = draw(*LARGE)
result = {
    "cases": [{"total": t, "size": n, "seed": s, "rows": draw(t, n, s)} for t, n, s in CASES],
    "large": {
        "total": LARGE[0],
        "size": LARGE[1],
        "seed": LARGE[2],
        "begin": large[:10],
        "end": large[-10:],
        "sum": sum(i * row for i, row in enumerate(large)),
    },
}
Path(__file__).with_name("numpy_samples.json").write_text(json.dumps(result) + "\n")
