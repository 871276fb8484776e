import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { poolOffersSchema } from "@/contracts/api/pools";
import { planStarts, type FreeWorker, type PlannedPool, type WaitingRun } from "./plan-starts";

const pool = (changes: Partial<PlannedPool> = {}): PlannedPool => ({
  id: "a",
  name: "a",
  offers: poolOffersSchema.parse({ models: ["m"], corpora: ["c"], gpus: 2, vllm: true }),
  quota: 3,
  costPerHour: 1,
  live: 0,
  mayStart: true,
  coming: [],
  ...changes,
});
const run = (changes: Partial<WaitingRun> = {}): WaitingRun => ({
  slot: "engine",
  models: ["m"],
  corpora: [],
  vllmGpus: null,
  ...changes,
});
const starts = (...args: Parameters<typeof planStarts>) =>
  Object.fromEntries(planStarts(...args).starts);

describe("which workers are started", () => {
  it("starts one for each engine run, as far as the quota goes", () => {
    expect(starts([pool()], [], [run()])).toEqual({ a: 1 });
    expect(starts([pool()], [], [run(), run()])).toEqual({ a: 2 });
    expect(starts([pool({ live: 2 })], [], [run(), run()])).toEqual({ a: 1 });
    expect(starts([pool({ quota: 0 })], [], [run()])).toEqual({});
    expect(starts([pool({ mayStart: false })], [], [run()])).toEqual({});
  });

  it("puts as many light runs on one as it has slots", () => {
    const light = run({ slot: "light" });
    expect(starts([pool()], [], [light, light, light, light])).toEqual({ a: 1 });
    expect(starts([pool()], [], [light, light, light, light, light])).toEqual({ a: 2 });
  });

  it("starts none for what the pool does not have", () => {
    for (const other of [{ models: ["n"] }, { corpora: ["d"] }, { vllmGpus: 3 }])
      expect(starts([pool()], [], [run(other)])).toEqual({});
    expect(starts([pool()], [], [run({ vllmGpus: 2 })])).toEqual({ a: 1 });
    const plain = pool({ offers: poolOffersSchema.parse({ models: ["m"], gpus: 2 }) });
    expect(starts([plain], [], [run({ vllmGpus: 1 })]), "GPUs without vLLM").toEqual({});
  });

  it("leaves a run to a worker that is free, or coming, and cancels one that comes for nothing", () => {
    const free: FreeWorker = {
      models: ["m"],
      corpora: [],
      vllmGpus: 0,
      free: { engine: 1, light: 0 },
    };
    expect(starts([pool()], [free], [run()])).toEqual({});
    expect(starts([pool()], [free], [run(), run()])).toEqual({ a: 1 });
    const coming = pool({ live: 2, coming: ["x", "y"] });
    expect(planStarts([coming], [], [run()])).toMatchObject({ unneeded: ["y"] });
    expect(starts([coming], [], [run(), run(), run()])).toEqual({ a: 1 });
    expect(planStarts([coming], [free], [run()]).unneeded).toEqual(["x", "y"]);
  });

  it("takes the cheapest pool that has room, then the next", () => {
    const pools = [pool({ id: "dear", name: "dear", costPerHour: 9 }), pool({ quota: 1 })];
    expect(starts(pools, [], [run(), run()])).toEqual({ a: 1, dear: 1 });
  });

  it("tells each pool how many runs wait that it could take", () => {
    const plan = planStarts([pool({ mayStart: false })], [], [run(), run({ models: ["n"] })]);
    expect(Object.fromEntries(plan.waiting)).toEqual({ a: 1 });
  });

  const anyOffers = fc.record({
    models: fc.subarray(["m", "n"]),
    corpora: fc.subarray(["c"]),
    gpus: fc.nat(2),
    vllm: fc.boolean(),
    engineSlots: fc.nat(2),
    lightSlots: fc.nat(2),
  });
  const anyPool = fc
    .record({
      offers: anyOffers,
      quota: fc.nat(4),
      costPerHour: fc.nat(2),
      live: fc.nat(5),
      mayStart: fc.boolean(),
    })
    .chain((one) => fc.nat(one.live).map((coming) => ({ ...one, coming })));
  const anyRun = fc.record({
    slot: fc.constantFrom("engine" as const, "light" as const),
    models: fc.subarray(["m", "n"]),
    corpora: fc.subarray(["c"]),
    vllmGpus: fc.option(fc.nat(2)),
  });

  it("never goes beyond a quota, and once its workers are coming asks for no more", () => {
    fc.assert(
      fc.property(
        fc.array(anyPool, { maxLength: 3 }),
        fc.array(anyRun, { maxLength: 8 }),
        (given, runs) => {
          const pools = given.map((one, i) => ({
            ...one,
            id: `p${i}`,
            name: `p${i}`,
            coming: Array.from({ length: one.coming }, (_, n) => `p${i}-${n}`),
          }));
          const plan = planStarts(pools, [], runs);
          for (const { id, live, quota, mayStart } of pools) {
            const started = plan.starts.get(id) ?? 0;
            expect(live + started).toBeLessThanOrEqual(Math.max(quota, live));
            if (!mayStart) expect(started).toBe(0);
          }
          expect([...plan.starts.values()].reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(
            runs.length,
          );
          // The next look, with what was started: the same runs start nothing more, and every new one is needed.
          const later = pools.map((one) => {
            const added = Array.from(
              { length: plan.starts.get(one.id) ?? 0 },
              (_, n) => `${one.id}+${n}`,
            );
            return { ...one, live: one.live + added.length, coming: [...one.coming, ...added] };
          });
          const next = planStarts(later, [], runs);
          expect(next.starts.size).toBe(0);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
