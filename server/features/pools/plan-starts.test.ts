import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { poolOffersSchema } from "@/contracts/api/pools";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import {
  planStarts,
  type ComingWorker,
  type FreeWorker,
  type PlannedPool,
  type WaitingRun,
} from "./plan-starts";

const pool = (changes: Partial<PlannedPool> = {}): PlannedPool => ({
  id: "a",
  name: "a",
  offers: poolOffersSchema.parse({ models: ["m"], corpora: ["c"], gpus: 2, vllm: true }),
  quota: 3,
  costPerHour: 1,
  live: 0,
  mayStart: true,
  ...changes,
});
const run = (changes: Partial<WaitingRun> = {}): WaitingRun => ({
  slot: "engine",
  models: ["m"],
  corpora: [],
  vllmGpus: null,
  commands: false,
  needsOwnEngine: false,
  training: null,
  ...changes,
});
const worker = (changes: Partial<FreeWorker> = {}): FreeWorker => ({
  models: ["m"],
  corpora: [],
  vllmGpus: 0,
  commands: false,
  trainsElsewhere: false,
  free: { engine: 1, light: 0 },
  ...changes,
});
const plan = (
  pools: readonly PlannedPool[],
  workers: readonly FreeWorker[],
  runs: readonly WaitingRun[],
  coming: readonly ComingWorker[] = [],
) => planStarts(pools, coming, workers, runs);
const starts = (...args: Parameters<typeof plan>) => plan(...args).starts;

describe("which workers are started", () => {
  it("starts one for each engine run, as far as the quota goes", () => {
    expect(starts([pool()], [], [run()])).toEqual(["a"]);
    expect(starts([pool()], [], [run(), run()])).toEqual(["a", "a"]);
    expect(starts([pool({ live: 2 })], [], [run(), run()])).toEqual(["a"]);
    expect(starts([pool({ quota: 0 })], [], [run()])).toEqual([]);
    expect(starts([pool({ mayStart: false })], [], [run()])).toEqual([]);
  });

  it("puts as many light runs on one as it has slots", () => {
    const light = run({ slot: "light" });
    expect(starts([pool()], [], [light, light, light, light])).toEqual(["a"]);
    expect(starts([pool()], [], [light, light, light, light, light])).toEqual(["a", "a"]);
  });

  it("starts none for what the pool does not have", () => {
    for (const other of [{ models: ["n"] }, { corpora: ["d"] }, { vllmGpus: 3 }])
      expect(starts([pool()], [], [run(other)])).toEqual([]);
    expect(starts([pool()], [], [run({ vllmGpus: 2 })])).toEqual(["a"]);
    const plain = pool({ offers: poolOffersSchema.parse({ models: ["m"], gpus: 2 }) });
    expect(starts([plain], [], [run({ vllmGpus: 1 })]), "GPUs without vLLM").toEqual([]);
  });

  it("starts none for a command where its workers are not started to run commands", () => {
    const command = run({ models: [], commands: true });
    expect(plan([pool()], [], [command])).toMatchObject({ starts: [], waiting: new Map() });
    const able = pool({ offers: poolOffersSchema.parse({ commands: true }) });
    expect(starts([able], [], [command])).toEqual(["a"]);
    expect(starts([able], [worker()], [command])).toEqual(["a"]);
    expect(starts([able], [worker({ commands: true })], [command])).toEqual([]);
  });

  it("leaves a run to a worker that is free, or coming, and cancels one that comes for nothing", () => {
    const free = worker();
    expect(starts([pool()], [free], [run()])).toEqual([]);
    expect(starts([pool()], [free], [run(), run()])).toEqual(["a"]);
    const coming = ["x", "y"].map((id) => ({ id, poolId: "a" }));
    const two = [pool({ live: 2 })];
    expect(plan(two, [], [run()], coming)).toMatchObject({ starts: [], unneeded: ["y"] });
    expect(starts(two, [], [run(), run(), run()], coming)).toEqual(["a"]);
    expect(plan(two, [free], [run()], coming).unneeded).toEqual(["x", "y"]);
  });

  it("leaves no run to a worker whose Tinker service cannot do it", () => {
    const elsewhere = worker({ trainsElsewhere: true });
    expect(starts([pool()], [elsewhere], [run()])).toEqual([]);
    expect(starts([pool()], [elsewhere], [run({ needsOwnEngine: true })])).toEqual(["a"]);
    // Nor is a worker started that could not do it either.
    const rented = pool({ offers: { ...pool().offers, tinker: true } });
    expect(starts([rented], [], [run()])).toEqual(["a"]);
    expect(starts([rented], [], [run({ needsOwnEngine: true })])).toEqual([]);
  });

  it("starts none for a training that its GPUs have no memory for, and the next larger pool's", () => {
    const model = "qwen2.5-7b-instruct";
    const training = trainConfigSchema.parse(findPreset("paper-full")!.config);
    training.searcher.sampler = "engine";
    const large = run({ models: [model], training });
    const offer = (gpus: number, gpuMemoryGib: number) => ({
      offers: poolOffersSchema.parse({ models: [model], gpus, gpuMemoryGib }),
    });
    expect(plan([pool(offer(1, 80))], [], [large])).toMatchObject({
      starts: [],
      waiting: new Map(),
    });
    expect(starts([pool(offer(8, 80))], [], [large])).toEqual(["a"]);
    const dear = pool({ id: "dear", costPerHour: 20, ...offer(8, 80) });
    expect(starts([pool(offer(1, 80)), dear], [], [large])).toEqual(["dear"]);
    expect(starts([pool(offer(1, 0))], [], [large]), "memory that nobody has told").toEqual(["a"]);
    // A small worker that comes for another run is not counted on.
    const both = [pool(offer(1, 80)), dear];
    expect(starts(both, [], [large], [{ id: "x", poolId: "a" }])).toEqual(["dear"]);
    // vLLM's own GPUs train nothing.
    training.searcher.sampler = "vllm";
    training.searcher.samplerPlacement = "apart";
    training.searcher.samplerReplicas = 7;
    const apart = run({ models: [model], training, vllmGpus: 8 });
    const eight = poolOffersSchema.parse({
      models: [model],
      gpus: 8,
      gpuMemoryGib: 80,
      vllm: true,
    });
    expect(starts([pool({ offers: eight })], [], [apart])).toEqual([]);
    expect(starts([pool({ offers: { ...eight, gpus: 15 } })], [], [apart])).toEqual(["a"]);
  });

  it("takes the cheapest pool that has room, then the next", () => {
    const pools = [pool({ id: "dear", name: "dear", costPerHour: 9 }), pool({ quota: 1 })];
    expect(starts(pools, [], [run(), run()])).toEqual(["a", "dear"]);
  });

  it("tells each pool how many runs wait that it could take", () => {
    const { waiting } = plan([pool({ mayStart: false })], [], [run(), run({ models: ["n"] })]);
    expect([...waiting]).toEqual([["a", 1]]);
  });

  const anyOffers = fc.record({
    models: fc.subarray(["m", "n"]),
    corpora: fc.subarray(["c"]),
    gpus: fc.nat(2),
    gpuMemoryGib: fc.constant(0),
    vllm: fc.boolean(),
    commands: fc.boolean(),
    tinker: fc.boolean(),
    engineSlots: fc.nat(2),
    lightSlots: fc.nat(2),
  });
  const anyPool = fc.record({
    offers: anyOffers,
    quota: fc.nat(4),
    costPerHour: fc.nat(2),
    live: fc.nat(5),
    mayStart: fc.boolean(),
  });
  const anyRun = fc.record({
    slot: fc.constantFrom("engine" as const, "light" as const),
    models: fc.subarray(["m", "n"]),
    corpora: fc.subarray(["c"]),
    vllmGpus: fc.option(fc.nat(2)),
    commands: fc.boolean(),
    needsOwnEngine: fc.boolean(),
    training: fc.constant(null),
  });

  const anyComing = fc.array(fc.nat(2), { maxLength: 4 });

  it("never goes beyond a quota, and once its workers are coming asks for no more", () => {
    fc.assert(
      fc.property(
        fc.array(anyPool, { maxLength: 3 }),
        anyComing,
        fc.array(anyRun, { maxLength: 8 }),
        (given, places, runs) => {
          const pools = given.map((one, i) => ({ ...one, id: `p${i}`, name: `p${i}` }));
          const coming = places.map((i, n) => ({ id: `c${n}`, poolId: `p${i}` }));
          const first = planStarts(pools, coming, [], runs);
          const count = (id: string) => first.starts.filter((one) => one === id).length;
          for (const { id, live, quota, mayStart } of pools) {
            expect(live + count(id)).toBeLessThanOrEqual(Math.max(quota, live));
            if (!mayStart) expect(count(id)).toBe(0);
          }
          expect(first.starts.length).toBeLessThanOrEqual(runs.length);
          // The next look at the same runs: what was started is coming, is needed, and is enough.
          const added = first.starts.map((poolId, n) => ({ id: `new${n}`, poolId }));
          const later = pools.map((one) => ({ ...one, live: one.live + count(one.id) }));
          const next = planStarts(later, [...coming, ...added], [], runs);
          expect(next).toMatchObject({ starts: [], unneeded: first.unneeded });
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
