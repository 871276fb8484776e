import { expect, it } from "vitest";
import type { Capabilities } from "@/contracts/engine/dialect";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { buildMemoryWarning, describeEngineMachine } from "./memory-warning";

const config = trainConfigSchema.parse(findPreset("atlas-smollm2")!.config);

/** An engine of one process per entry, on the machine of that number. */
const describeRanks = (machines: readonly number[]) =>
  describeEngineMachine({
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
  expect(buildMemoryWarning(config, describeRanks([0, 1, 2, 3]))).toBeNull();
  expect(buildMemoryWarning(config, describeRanks([0, 0, 0, 0]))).toContain("of 2.0 GiB (cpu)");
});
