import type { Capabilities } from "@/contracts/engine/dialect";
import { formatBytes } from "@/core/memory/index-plan";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { judgeTrainingMemory } from "@/core/memory/training-memory";

/** What to say before a run that may not fit into the memory of the engine's device; null where it fits or nobody can tell. */
export function buildMemoryWarning(
  config: TrainConfig,
  {
    device,
    dtype,
    memoryBytes,
    deviceMemoryBytes,
    cluster,
  }: Pick<Capabilities, "device" | "dtype" | "memoryBytes" | "deviceMemoryBytes" | "cluster">,
): string | null {
  const judged = judgeTrainingMemory(config, {
    device,
    dtype,
    // On a CPU the ranks are processes that share the machine.
    deviceBytes: deviceMemoryBytes > 0 ? deviceMemoryBytes : memoryBytes / countSharing(cluster),
    machineBytes: memoryBytes,
    ranks: cluster?.ranks.length ?? 1,
  });
  if (judged === null || judged.verdict === "fits") return null;
  return `By calculation this run takes ${formatBytes(judged.totalBytes)} of ${formatBytes(judged.deviceBytes)} (${device}); ${judged.advice}. It is tried all the same: where memory does not suffice, the engine halves its batches.`;
}

/** Ranks on the machine that has most of them. */
const countSharing = (cluster: Capabilities["cluster"]): number =>
  Math.max(1, ...(cluster?.nodes ?? []).map(({ ranks }) => ranks.length));
