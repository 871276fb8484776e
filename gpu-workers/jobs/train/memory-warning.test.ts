import { expect, it } from "vitest";
import type { Capabilities } from "@/contracts/engine/dialect";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { buildMemoryWarning } from "./memory-warning";

const config = trainConfigSchema.parse(findPreset("atlas-smollm2")!.config);

/** An engine of one process per entry, on the machine of that number. */
const describeEngine = (machines: readonly number[]) => ({
  device: "cpu" as const,
  dtype: "float32" as const,
  memoryBytes: 8 * 2 ** 30,
  deviceMemoryBytes: 0,
  cluster: {
    address: null,
    strategy: "pack",
    nodes: [...new Set(machines)].map((node) => ({
      id: String(node),
      address: "127.0.0.1",
      alive: true,
      cpus: 2,
      gpus: 0,
      memoryBytes: 8 * 2 ** 30,
      ranks: machines.flatMap((at, rank) => (at === node ? [rank] : [])),
    })),
    ranks: machines.map((node, rank) => ({ rank, node: String(node), device: "cpu", pid: rank })),
  } satisfies Capabilities["cluster"],
});

it("ranks on one machine without GPUs share its memory, those on machines of their own do not", () => {
  expect(buildMemoryWarning(config, describeEngine([0, 1, 2, 3]))).toBeNull();
  expect(buildMemoryWarning(config, describeEngine([0, 0, 0, 0]))).toContain("of 2 GiB (cpu)");
});

it("promises halved batches of one process only: ranks do not halve theirs", () => {
  const one = buildMemoryWarning(config, {
    ...describeEngine([0]),
    memoryBytes: 2 ** 30,
    cluster: null,
  });
  expect(one).toContain("the engine halves its batches");
  const ranks = buildMemoryWarning(config, describeEngine([0, 0, 0, 0]));
  expect(ranks).toContain("on each of 4 ranks");
  expect(ranks).not.toContain("the engine halves");
  expect(ranks).toContain("ranks do not halve their batches");
});
