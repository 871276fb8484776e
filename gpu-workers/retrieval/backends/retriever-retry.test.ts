import { describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { withRetrieverRetry } from "./retriever-retry";

const never = new AbortController().signal;

/** Unavailable for the first `failures` searches. */
function createStumblingRetriever(
  failures: number,
  error: Error = new AppError("retriever-unavailable", "connection refused"),
) {
  let searches = 0;
  const retriever: Retriever = {
    search: (queries) => {
      searches += 1;
      return searches <= failures ? Promise.reject(error) : Promise.resolve(queries.map(() => []));
    },
    getDocuments: () => Promise.resolve([]),
    describe: () => ({ kind: "remote", key: "k", title: "t", documents: null }),
    close: () => Promise.resolve(),
  };
  return { retriever, searches: () => searches };
}

describe("a patient retriever", () => {
  it("asks again until the retriever is back, and says so once", async () => {
    const { retriever, searches } = createStumblingRetriever(4);
    const told: string[] = [];
    const found = await withRetrieverRetry(retriever, (message) => told.push(message), never, {
      limitMs: 1000,
      pauseMs: 5,
    }).search(["a", "b"], 3);
    expect(found).toEqual([[], []]);
    expect(searches()).toBe(5);
    expect(told).toEqual([expect.stringContaining("connection refused")]);
  });

  it("gives up after its time with the retriever's own reason: no document is invented", async () => {
    const { retriever, searches } = createStumblingRetriever(Infinity);
    await expect(
      withRetrieverRetry(retriever, () => undefined, never, { limitMs: 60, pauseMs: 10 }).search(
        ["a"],
        1,
      ),
    ).rejects.toMatchObject({ code: "retriever-unavailable", message: "connection refused" });
    expect(searches()).toBeGreaterThan(2);
  });

  it("does not wait where the failure cannot pass, or the run is cancelled", async () => {
    const wrong = createStumblingRetriever(1, new AppError("invalid-input", "bad query"));
    await expect(
      withRetrieverRetry(wrong.retriever, () => undefined, never).search(["a"], 1),
    ).rejects.toThrow("bad query");
    expect(wrong.searches()).toBe(1);
    const stop = new AbortController();
    const search = withRetrieverRetry(
      createStumblingRetriever(Infinity).retriever,
      () => stop.abort(),
      stop.signal,
    ).search(["a"], 1);
    await expect(search).rejects.toMatchObject({ code: "cancelled" });
  });
});
