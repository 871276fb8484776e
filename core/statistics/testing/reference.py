"""Writes reference.json beside this file: reference values of scipy and statsmodels for the tests.

usage: pip install scipy statsmodels; python core/statistics/testing/reference.py
"""

import json
import random
from pathlib import Path

import numpy
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

DISCORDANT = [
    (0, 0),
    (1, 0),
    (0, 5),
    (3, 3),
    (10, 2),
    (25, 40),
    (7, 31),
    (120, 95),
    (1000, 1102),
    (4999, 5300),
    (3, 12000),
]
P_VALUES = [
    [0.01],
    [0.04, 0.01, 0.03],
    [0.5, 0.5, 0.5],
    [1e-12, 0.2, 0.04, 0.041, 0.9, 0.003],
    [0.05, 0.05, 0.0001, 1.0],
]
SHARES = [(0, 10), (10, 10), (1, 3), (37, 72), (300, 585), (9999, 10000), (1, 100000)]


def build_mcnemar_case(first, second):
    """McNemar's test by the numbers of questions that only one method answers."""
    table = [[50, first], [second, 60]]
    exact = mcnemar(table, exact=True)
    corrected = mcnemar(table, exact=False, correction=True) if first + second else None
    return {
        "onlyFirst": first,
        "onlySecond": second,
        "exactP": float(exact.pvalue),
        "statistic": float(corrected.statistic) if corrected else 0.0,
        "chiSquareP": float(corrected.pvalue) if corrected else 1.0,
    }


def build_paired_case(name, questions, clusters, first_share, second_share, seed):
    """Two methods over the same clustered questions.

    The interval is scipy's percentile bootstrap of the mean difference.
    """
    draw = random.Random(seed)
    ease = [draw.uniform(-0.25, 0.25) for _ in range(clusters)]
    cluster = [draw.randrange(clusters) if clusters < questions else i for i in range(questions)]
    first = [int(draw.random() < first_share + ease[c]) for c in cluster]
    second = [int(draw.random() < second_share + ease[c]) for c in cluster]
    present = sorted(set(cluster))
    sums = numpy.array(first) - numpy.array(second)
    counts = numpy.ones(questions)
    if clusters < questions:
        differences = list(zip(sums.tolist(), cluster, strict=True))
        sums = numpy.array([sum(d for d, k in differences if k == c) for c in present])
        counts = numpy.array([cluster.count(c) for c in present])
    result = stats.bootstrap(
        (sums, counts),
        lambda s, n, axis=-1: s.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=10_000,
        batch=500,
        method="percentile",
        rng=seed,
    )
    return {
        "name": name,
        "cluster": cluster,
        "first": first,
        "second": second,
        "difference": float(sums.sum() / counts.sum()),
        "low": float(result.confidence_interval.low),
        "high": float(result.confidence_interval.high),
        "standardError": float(result.standard_error),
    }


def main():
    reference = {
        "versions": {
            "scipy": scipy.__version__,
            "statsmodels": statsmodels.__version__,
            "numpy": numpy.__version__,
        },
        "mcNemar": [build_mcnemar_case(*case) for case in DISCORDANT],
        "holm": [
            {"p": p, "corrected": [float(value) for value in multipletests(p, method="holm")[1]]}
            for p in P_VALUES
        ],
        "wilson": [
            {"successes": k, "n": n, "level": level, "low": float(low), "high": float(high)}
            for k, n in SHARES
            for level in (0.95, 0.99)
            for low, high in [proportion_confint(k, n, alpha=1 - level, method="wilson")]
        ],
        "chiSquareTail": [
            {"x": x, "tail": float(stats.chi2.sf(x, 1))}
            for x in (0.0, 1e-6, 0.1, 1.0, 3.0, 3.841, 6.63, 25.0, 200.0)
        ],
        "normalQuantile": [
            {"tail": t, "z": float(stats.norm.isf(t))}
            for t in (1e-9, 0.001, 0.005, 0.025, 0.2, 0.5, 0.9, 0.999)
        ],
        "logGamma": [
            {"x": x, "value": float(scipy.special.gammaln(x))}
            for x in (0.1, 0.5, 1.0, 2.5, 10.0, 171.0, 5000.5, 1e6)
        ],
        "binomial": [
            {
                "n": n,
                "p": p,
                "mean": n * p,
                "variance": n * p * (1 - p),
                "cdf": [
                    {"k": int(k), "share": float(stats.binom.cdf(k, n, p))}
                    for k in stats.binom.ppf((0.05, 0.25, 0.5, 0.75, 0.95), n, p)
                ],
            }
            for n, p in ((5, 0.3), (200, 0.02), (200, 0.4), (10_000, 0.07), (10_000, 0.93))
        ],
        "paired": [
            build_paired_case("independent questions", 600, 600, 0.5, 0.42, 7),
            build_paired_case("clustered questions", 585, 40, 0.55, 0.45, 11),
            build_paired_case("no difference", 300, 25, 0.5, 0.5, 3),
        ],
    }
    path = Path(__file__).with_name("reference.json")
    path.write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()
