"""How an operation is split over ranks, and how the results of its parts become one."""


def split_by_cost(keys: list[list[int]], costs: list[int], ranks: int) -> list[list[int]]:
    """Indices for each rank, of about equal cost.

    They are runs in lexicographic order of `keys`, so that shared prefixes stay together.
    """
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    total, before = sum(costs), 0
    parts: list[list[int]] = [[] for _ in range(ranks)]
    for i in order:
        parts[min(ranks - 1, (2 * before + costs[i]) * ranks // (2 * total))].append(i)
        before += costs[i]
    return parts


def merge_results(results: list[dict], parts: list[list[int]], count: int) -> dict:
    """Joins the results of the ranks' parts into one.

    Lists with an entry per item come back in the items' order; numbers add up.
    """
    done = [(r, p) for r, p in zip(results, parts, strict=True) if p]
    merged: dict = {}
    for name, first in done[0][0].items():
        values = [r[name] for r, _ in done]
        if isinstance(first, list) and not first:
            merged[name] = []
        elif isinstance(first, list):
            merged[name] = [None] * count
            for value, (_, part) in zip(values, done, strict=True):
                for i, entry in zip(part, value, strict=True):
                    merged[name][i] = entry
        elif name == "ratio":
            real = [r["ratio"] for r, _ in done if r["tokens"]] or values
            merged[name] = {
                "sum": sum(v["sum"] for v in values),
                "min": min(v["min"] for v in real),
                "max": max(v["max"] for v in real),
            }
        elif name == "usage":
            merged[name] = {
                k: max(v[k] for v in values) if k.endswith("Seconds") else sum(v[k] for v in values)
                for k in first
            }
        elif name == "seconds":
            merged[name] = max(values)
        elif name == "tokenBudget":
            merged[name] = min(values)
        else:
            merged[name] = sum(values)
    return merged
