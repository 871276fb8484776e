"""The peers of bench/retrieval/bm25.ts, driven by one JSON object a line: bm25s (method "lucene")
with PyStemmer, and tantivy with its English stemmer (its constants are fixed: it is timed only).

usage: python bm25.py BACKEND        numpy (bm25s' default), numba (bm25s, compiled) or tantivy

Each request has an `op`; each answer is one line. Seconds are measured here, so that the pipe does
not count. `passages` has one JSON string a line; `analysed`: terms with spaces between them.
  {"op": "build", "passages": FILE, "folder": DIR, "analysed": bool}
  {"op": "open", "folder": DIR, "analysed": bool}
  {"op": "search", "queries": [...], "k": n}     all queries, for their rankings
  {"op": "query", "text": "...", "k": n}         one query, from text to rows
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bm25s
import numpy
import Stemmer
import tantivy

BACKEND = sys.argv[1]


def create_tokenizer(analysed: bool):
    if analysed:
        return bm25s.tokenization.Tokenizer(
            lower=False, splitter=str.split, stopwords=[], stemmer=None
        )
    return bm25s.tokenization.Tokenizer(stopwords="english", stemmer=Stemmer.Stemmer("porter"))


def get_resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure_bytes(retriever, tokens) -> int:
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


class Index:
    """An index with its tokenizer, once it was built or opened."""

    retriever: Any
    tokens: Any

    def build(self, request: dict) -> dict:
        with open(request["passages"]) as file:
            texts = [json.loads(text) for text in file]
        began, cpu = time.perf_counter(), time.process_time()
        self.tokens = create_tokenizer(request["analysed"])
        corpus = self.tokens.tokenize(texts, return_as="tuple", show_progress=False)
        self.retriever = bm25s.BM25(method="lucene", k1=0.9, b=0.4, backend=BACKEND)
        self.retriever.index(corpus, show_progress=False)
        self.retriever.save(request["folder"], show_progress=False)
        self.tokens.save_vocab(request["folder"])
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": seconds, "cpuSeconds": cpu, "peakBytes": peak}

    def open(self, request: dict) -> dict:
        before = get_resident_bytes()
        self.retriever = bm25s.BM25.load(request["folder"], load_corpus=False, load_vocab=True)
        self.retriever.backend = BACKEND
        self.tokens = create_tokenizer(request["analysed"])
        self.tokens.load_vocab(request["folder"])
        if BACKEND == "numba":
            self.retriever.activate_numba_scorer()
        return {
            "bytes": measure_bytes(self.retriever, self.tokens),
            "residentBytes": get_resident_bytes() - before,
        }

    def retrieve(self, text: str, k: int):
        ids = self.tokens.tokenize(
            [text], update_vocab=False, return_as="ids", show_progress=False, allow_empty=True
        )
        count = min(k, self.retriever.scores["num_docs"])
        return self.retriever.retrieve(ids, k=count, show_progress=False)

    def search(self, request: dict) -> dict:
        found = [self.retrieve(text, request["k"]) for text in request["queries"]]
        return {
            "rows": [one.documents[0].tolist() for one in found],
            "scores": [one.scores[0].tolist() for one in found],
        }

    def query(self, request: dict) -> dict:
        cpu, began = time.process_time(), time.perf_counter()
        self.retrieve(request["text"], request["k"])
        return {
            "ms": (time.perf_counter() - began) * 1000,
            "cpuMs": (time.process_time() - cpu) * 1000,
        }


class TantivyIndex(Index):
    """The same operations with tantivy, whose files are memory-mapped."""

    searcher: Any

    def create(self, folder: str):
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("body", tokenizer_name="en_stem", index_option="freq")
        schema.add_integer_field("row", fast=True)
        return tantivy.Index(schema.build(), path=folder)

    def build(self, request: dict) -> dict:
        with open(request["passages"]) as file:
            texts = [json.loads(text) for text in file]
        folder = Path(request["folder"]) / "tantivy"
        folder.mkdir()
        began, cpu = time.perf_counter(), time.process_time()
        writer = self.create(str(folder)).writer(num_threads=1)
        for row, text in enumerate(texts):
            writer.add_document(tantivy.Document(body=text, row=row))
        writer.commit()
        writer.wait_merging_threads()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": seconds, "cpuSeconds": cpu, "peakBytes": peak}

    def open(self, request: dict) -> dict:
        before = get_resident_bytes()
        folder = Path(request["folder"]) / "tantivy"
        self.retriever = self.create(str(folder))
        self.searcher = self.retriever.searcher()
        return {
            "bytes": sum(file.stat().st_size for file in folder.iterdir()),
            "residentBytes": get_resident_bytes() - before,
        }

    def retrieve(self, text: str, k: int):
        query, _ = self.retriever.parse_query_lenient(text, ["body"])
        addresses = [address for _, address in self.searcher.search(query, k, count=False).hits]
        return self.searcher.fast_field_values("row", addresses)


def main() -> None:
    packages = ("bm25s", "PyStemmer", "numba", "numpy", "tantivy")
    print(
        json.dumps({"versions": {name: version(name) for name in packages}, "backend": BACKEND}),
        flush=True,
    )
    index = TantivyIndex() if BACKEND == "tantivy" else Index()
    operations = {
        "build": index.build,
        "open": index.open,
        "search": index.search,
        "query": index.query,
    }
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(operations[request["op"]](request)), flush=True)


if __name__ == "__main__":
    main()
