import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { Coalescer } from "./coalescer";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";

/**
 * Ranks k documents named after the query, so that every answer shows whose it is. Its rankings are not the beginnings
 * of longer ones, as those of hybrid search and of graphs need not be: the worst of k stands first.
 */
function buildRankings(queries: readonly string[], k: number): RankedDocument[][] {
  return queries.map((query) =>
    Array.from({ length: k }, (_, i) => ({
      id: `${query}/${k - 1 - i}`,
      title: "",
      text: "",
      hash: "",
      score: -i,
    })),
  );
}

/** A search that ends only when told to. */
function createGate(): {
  search: (queries: readonly string[], k: number) => Promise<RankedDocument[][]>;
  calls: {
    queries: readonly string[];
    k: number;
    finish: () => void;
    fail: (error: Error) => void;
  }[];
} {
  const calls: ReturnType<typeof createGate>["calls"] = [];
  const search = (queries: readonly string[], k: number): Promise<RankedDocument[][]> =>
    new Promise((resolve, reject) =>
      calls.push({ queries, k, finish: () => resolve(buildRankings(queries, k)), fail: reject }),
    );
  return { search, calls };
}

const ids = (results: RankedDocument[][]): string[][] =>
  results.map((ranked) => ranked.map((hit) => hit.id));

describe("the coalescer", () => {
  it("joins what arrives during a search, in the order of arrival", async () => {
    const { search, calls } = createGate();
    const coalescer = new Coalescer(search, { batch: 3, waiting: 100, parallel: 1 });
    const first = coalescer.submit(["a"], 2);
    const second = coalescer.submit(["b", "c"], 2);
    const third = coalescer.submit(["d"], 2);
    const fourth = coalescer.submit(["e"], 2);
    expect(calls.map((call) => call.queries)).toEqual([["a"]]);
    expect(coalescer.waitingQueries).toBe(4);
    calls[0]?.finish();
    expect(ids(await first)).toEqual([["a/1", "a/0"]]);
    await expect.poll(() => calls.length).toBe(2);
    expect(calls[1]).toMatchObject({ queries: ["b", "c", "d"], k: 2 });
    calls[1]?.finish();
    expect(ids(await second)).toEqual([
      ["b/1", "b/0"],
      ["c/1", "c/0"],
    ]);
    expect(ids(await third)).toEqual([["d/1", "d/0"]]);
    await expect.poll(() => calls.length).toBe(3);
    calls[2]?.finish();
    expect(ids(await fourth)).toEqual([["e/1", "e/0"]]);
  });

  it("joins only requests of equal k, and takes the k of the one that has waited longest", async () => {
    const { search, calls } = createGate();
    const coalescer = new Coalescer(search, { batch: 2, waiting: 100, parallel: 1 });
    const submitted: [string[], number][] = [
      [["a"], 1],
      [["b"], 3],
      [["c"], 5],
      [["d"], 3],
      [["e"], 3],
      [["f", "g"], 5],
      [["h"], 5],
    ];
    const results = submitted.map(([queries, k]) => coalescer.submit(queries, k));
    const expected: [string[], number][] = [
      [["a"], 1],
      [["b", "d"], 3],
      [["c"], 5],
      [["e"], 3],
      [["f", "g"], 5],
      [["h"], 5],
    ]; // "h" does not overtake "f", "g"
    for (const [i, [queries, k]] of expected.entries()) {
      await expect.poll(() => calls.length).toBe(i + 1);
      expect(calls[i]).toMatchObject({ queries, k });
      calls[i]?.finish();
    }
    expect(await Promise.all(results)).toEqual(
      submitted.map(([queries, k]) => buildRankings(queries, k)),
    );
    expect(coalescer.waitingQueries).toBe(0);
  });

  it("lets no k starve while requests of another keep coming", async () => {
    const { search, calls } = createGate();
    const coalescer = new Coalescer(search, { batch: 2, waiting: 100, parallel: 1 });
    const common = Array.from({ length: 4 }, (_, i) => coalescer.submit([`common ${i}`], 3));
    const rare = coalescer.submit(["rare"], 7);
    for (let i = 0; i < 4; i++) {
      await expect.poll(() => calls.length).toBe(i + 1);
      common.push(coalescer.submit([`later ${i}`], 3));
      calls[i]?.finish();
    }
    expect(calls.slice(0, 4).map((call) => call.k)).toEqual([3, 3, 3, 7]);
    expect(ids(await rare)[0]).toHaveLength(7);
    for (let i = 4; i < 6; i++) {
      await expect.poll(() => calls.length).toBe(i + 1);
      calls[i]?.finish();
    }
    await Promise.all(common);
  });

  it("refuses what would make too many wait, and takes a request larger than a batch alone", async () => {
    const { search, calls } = createGate();
    const coalescer = new Coalescer(search, { batch: 2, waiting: 3, parallel: 1 });
    const running = coalescer.submit(["a"], 1);
    const large = coalescer.submit(["b", "c", "d"], 1);
    await expect(coalescer.submit(["e"], 1)).rejects.toMatchObject({
      code: "retriever-unavailable",
    });
    calls[0]?.finish();
    await running;
    await expect.poll(() => calls.length).toBe(2);
    calls[1]?.finish();
    expect(ids(await large)).toEqual([["b/0"], ["c/0"], ["d/0"]]);
  });

  it("fails only the batch that failed, and drops what was cancelled while it waited", async () => {
    const { search, calls } = createGate();
    const coalescer = new Coalescer(search, { batch: 1, waiting: 10, parallel: 1 });
    const gone = new AbortController();
    const first = coalescer.submit(["a"], 1);
    const second = coalescer.submit(["b"], 1, gone.signal);
    const third = coalescer.submit(["c"], 1);
    gone.abort();
    calls[0]?.fail(new Error("broken"));
    await expect(first).rejects.toThrow("broken");
    await expect(second).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(() => calls.length).toBe(2);
    calls[1]?.finish();
    expect(ids(await third)).toEqual([["c/0"]]);
    expect(coalescer.waitingQueries).toBe(0);
  });

  it("gives an error only to the request whose query made it", async () => {
    const search = (queries: readonly string[], k: number): Promise<RankedDocument[][]> =>
      queries.includes("((")
        ? Promise.reject(new AppError("invalid-input", "a parenthesis is not closed"))
        : Promise.resolve(buildRankings(queries, k));
    const coalescer = new Coalescer(search, { batch: 10, waiting: 100, parallel: 1 });
    const results = await Promise.allSettled(
      [["first"], ["a"], ["(("], ["b"]].map((queries) => coalescer.submit(queries, 1)),
    );
    expect(
      results.map((result) =>
        result.status === "fulfilled" ? ids(result.value) : (result.reason as AppError).code,
      ),
    ).toEqual([[["first/0"]], [["a/0"]], "invalid-input", [["b/0"]]]);
  });

  it("stops a search once all its clients are gone", async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const coalescer = new Coalescer(
      (_queries, _k, signal) =>
        new Promise(
          (_, reject) => (
            signals.push(signal),
            signal?.addEventListener("abort", () => reject(new AppError("cancelled", "gone")))
          ),
        ),
      { batch: 10, waiting: 10, parallel: 1 },
    );
    const gone = [new AbortController(), new AbortController(), new AbortController()];
    const [first, ...others] = gone.map(({ signal }, i) => coalescer.submit([`${i}`], 1, signal));
    gone[0]?.abort();
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(() => signals.length).toBe(2);
    gone[1]?.abort();
    expect(signals[1]?.aborted).toBe(false);
    gone[2]?.abort();
    await expect(Promise.allSettled(others)).resolves.toMatchObject([
      { status: "rejected" },
      { status: "rejected" },
    ]);
  });

  it("gives every request what it would get alone", async () => {
    const request = fc.record({
      queries: fc.array(fc.string(), { minLength: 1, maxLength: 5 }),
      k: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 20 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 3 }),
        async (requests, batch, parallel) => {
          const coalescer = new Coalescer(
            (queries, k) => Promise.resolve(buildRankings(queries, k)),
            {
              batch,
              waiting: 1000,
              parallel,
            },
          );
          const results = await Promise.all(
            requests.map(({ queries, k }) => coalescer.submit(queries, k)),
          );
          expect(results).toEqual(requests.map(({ queries, k }) => buildRankings(queries, k)));
        },
      ),
    );
  });
});
