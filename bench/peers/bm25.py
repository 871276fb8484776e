"""The peer of bench/retrieval/bm25.ts: bm25s (method "lucene") with PyStemmer, driven by one JSON object a line.

usage: python bm25.py BACKEND        numpy (the library's default) or numba (compiled)

Each request has an `op`; each answer is one line. Seconds are measured here, so that the pipe does not count.
  {"op": "build", "passages": FILE, "folder": DIR, "analysed": bool}   one JSON string a line; analysed: terms and spaces
  {"op": "open", "folder": DIR, "analysed": bool}
  {"op": "search", "queries": [...], "k": n}                           all, for their rankings
  {"op": "query", "text": "...", "k": n}                               one query, from text to rows
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import version

import bm25s
import numpy
import Stemmer

BACKEND = sys.argv[1]


def tokenizer(analysed: bool):
    if analysed:
        return bm25s.tokenization.Tokenizer(
            lower=False, splitter=str.split, stopwords=[], stemmer=None
        )
    return bm25s.tokenization.Tokenizer(stopwords="english", stemmer=Stemmer.Stemmer("porter"))


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held(retriever, tokens) -> int:
    """Bytes of the arrays and of the vocabulary that a query needs."""
    arrays = sum(
        part.nbytes for part in retriever.scores.values() if isinstance(part, numpy.ndarray)
    )
    words = tokens.get_vocab_dict()
    return (
        arrays
        + sys.getsizeof(words)
        + sum(sys.getsizeof(word) + sys.getsizeof(number) for word, number in words.items())
    )


def main() -> None:
    packages = ("bm25s", "PyStemmer", "numba", "numpy")
    print(
        json.dumps({"versions": {name: version(name) for name in packages}, "backend": BACKEND}),
        flush=True,
    )
    retriever = tokens = None

    def ids(texts: list[str]):
        return tokens.tokenize(
            texts, update_vocab=False, return_as="ids", show_progress=False, allow_empty=True
        )

    def search(texts: list[str], k: int):
        found = retriever.retrieve(
            ids(texts), k=min(k, retriever.scores["num_docs"]), show_progress=False
        )
        return found.documents, found.scores

    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "build":
            with open(request["passages"]) as file:
                texts = [json.loads(text) for text in file]
            began, cpu = time.perf_counter(), time.process_time()
            tokens = tokenizer(request["analysed"])
            corpus = tokens.tokenize(texts, return_as="tuple", show_progress=False)
            retriever = bm25s.BM25(method="lucene", k1=0.9, b=0.4, backend=BACKEND)
            retriever.index(corpus, show_progress=False)
            retriever.save(request["folder"], show_progress=False)
            tokens.save_vocab(request["folder"])
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer = {"seconds": seconds, "cpuSeconds": cpu, "peakBytes": peak}
        elif request["op"] == "open":
            before = resident()
            retriever = bm25s.BM25.load(request["folder"], load_corpus=False, load_vocab=True)
            retriever.backend = BACKEND
            tokens = tokenizer(request["analysed"])
            tokens.load_vocab(request["folder"])
            if BACKEND == "numba":
                retriever.activate_numba_scorer()
            answer = {"bytes": held(retriever, tokens), "residentBytes": resident() - before}
        elif request["op"] == "search":
            rows, scores = [], []
            for text in request["queries"]:
                own_rows, own_scores = search([text], request["k"])
                rows.append(own_rows[0].tolist())
                scores.append(own_scores[0].tolist())
            answer = {"rows": rows, "scores": scores}
        elif request["op"] == "query":
            cpu, began = time.process_time(), time.perf_counter()
            search([request["text"]], request["k"])
            answer = {
                "ms": (time.perf_counter() - began) * 1000,
                "cpuMs": (time.process_time() - cpu) * 1000,
            }
        else:
            raise SystemExit(f"unknown op {request['op']}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
