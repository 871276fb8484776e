import type { Capabilities } from "@/contracts/engine/dialect";
import { formatBytes } from "@/core/memory/index-plan";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { adviseOnMemory, judgeMemory, estimateTrainingMemory } from "@/core/memory/training-memory";

/** What to say before a run that may not fit into the memory of the engine's device; null where it fits or nobody can tell. */
export function buildMemoryWarning(
  config: TrainConfig,
  {
    device,
    dtype,
    memoryBytes,
    deviceMemoryBytes,
  }: Pick<Capabilities, "device" | "dtype" | "memoryBytes" | "deviceMemoryBytes">,
): string | null {
  const deviceBytes = deviceMemoryBytes > 0 ? deviceMemoryBytes : memoryBytes;
  const estimate = estimateTrainingMemory(config, {
    device,
    dtype,
    deviceBytes,
    machineBytes: memoryBytes,
  });
  if (estimate === null || judgeMemory(estimate.totalBytes, deviceBytes) === "fits") return null;
  return `By calculation this run takes ${formatBytes(estimate.totalBytes)} of ${formatBytes(deviceBytes)} (${device}); ${adviseOnMemory(estimate, config)}. It is tried all the same: where memory does not suffice, the engine halves its batches.`;
}
