import type { Capabilities } from "@/contracts/engine/dialect";
import { formatBytes } from "@/core/memory/index-plan";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { describeCluster, judgeTrainingMemory } from "@/core/memory/training-memory";

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
  const judged = judgeTrainingMemory(
    config,
    cluster
      ? describeCluster(cluster, memoryBytes)
      : {
          device,
          dtype,
          deviceBytes: deviceMemoryBytes > 0 ? deviceMemoryBytes : memoryBytes,
          machineBytes: memoryBytes,
          ranks: 1,
        },
  );
  if (judged === null || judged.verdict === "fits") return null;
  const each = judged.ranks > 1 ? ` on each of ${judged.ranks} ranks` : "";
  const then = cluster
    ? "ranks do not halve their batches, and one that does not fit ends the attempt (searcher.microbatchTokens makes them smaller)"
    : "where memory does not suffice, the engine halves its batches";
  return `By calculation this run takes ${formatBytes(judged.totalBytes)} of ${formatBytes(judged.deviceBytes)} (${judged.device})${each}; ${judged.advice}. It is tried all the same: ${then}.`;
}
