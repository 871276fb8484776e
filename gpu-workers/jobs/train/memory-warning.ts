import type { Capabilities } from "@/contracts/engine/dialect";
import { formatBytes } from "@/core/memory/index-plan";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { judgeTrainingMemory, type Machine, type Shapes } from "@/core/memory/training-memory";
import { readModelShape } from "@/gpu-workers/llm/model-files/installed-model";
import { modelDir } from "@/lib/paths.mjs";

/** The machine that an engine computes on; each of several ranks has a device of it. */
export const describeEngineMachine = ({
  device,
  dtype,
  memoryBytes,
  deviceMemoryBytes,
  cluster,
}: Pick<
  Capabilities,
  "device" | "dtype" | "memoryBytes" | "deviceMemoryBytes" | "cluster"
>): Machine => ({
  device,
  dtype,
  // On a CPU the ranks are processes that share the machine.
  deviceBytes: deviceMemoryBytes > 0 ? deviceMemoryBytes : memoryBytes / countSharing(cluster),
  machineBytes: memoryBytes,
  ranks: cluster?.ranks.length ?? 1,
});

/** The shapes of a run's models, as far as they are installed here. */
export async function readShapes({ searcher, generator, rl }: TrainConfig): Promise<Shapes> {
  const names = [searcher.model, generator.model, rl.critic.model].filter((name) => name !== null);
  const entries = await Promise.all(
    names.map(async (name) => [name, await readModelShape(modelDir(name))] as const),
  );
  return Object.fromEntries(entries.flatMap(([name, shape]) => (shape ? [[name, shape]] : [])));
}

/** What to say before a run that may not fit into the memory of the engine's device; null where it fits or nobody can tell. */
export function buildMemoryWarning(
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes = {},
): string | null {
  const judged = judgeTrainingMemory(config, machine, shapes);
  if (judged === null || judged.verdict === "fits") return null;
  return `By calculation this run takes ${formatBytes(judged.totalBytes)} of ${formatBytes(judged.deviceBytes)} (${judged.device}); ${judged.advice}. It is tried all the same: where memory does not suffice, the engine halves its batches.`;
}

/** Ranks on the machine that has most of them. */
const countSharing = (cluster: Capabilities["cluster"]): number =>
  Math.max(1, ...(cluster?.nodes ?? []).map(({ ranks }) => ranks.length));
