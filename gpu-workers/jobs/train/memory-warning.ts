import type { Capabilities } from "@/contracts/engine/dialect";
import { size } from "@/core/memory/index-plan";
import type { TrainConfig } from "@/contracts/run-config/run-config";
import { memoryAdvice, memoryVerdict, trainingMemory } from "@/core/memory/training-memory";

/** What to say before a run that may not fit into the memory of the engine's device; null where it fits or nobody can tell. */
export function memoryWarning(
  config: TrainConfig,
  {
    device,
    dtype,
    memoryBytes,
    deviceMemoryBytes,
  }: Pick<Capabilities, "device" | "dtype" | "memoryBytes" | "deviceMemoryBytes">,
): string | null {
  const deviceBytes = deviceMemoryBytes > 0 ? deviceMemoryBytes : memoryBytes;
  const estimate = trainingMemory(config, {
    device,
    dtype,
    deviceBytes,
    machineBytes: memoryBytes,
  });
  if (estimate === null || memoryVerdict(estimate.totalBytes, deviceBytes) === "fits") return null;
  return `By calculation this run takes ${size(estimate.totalBytes)} of ${size(deviceBytes)} (${device}); ${memoryAdvice(estimate, config)}. It is tried all the same: where memory does not suffice, the engine halves its batches.`;
}
