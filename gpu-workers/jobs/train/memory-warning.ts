import type { Capabilities } from "@/contracts/engine/dialect";
import { formatBytes } from "@/core/memory/index-plan";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  describeCluster,
  judgeTrainingMemory,
  type Machine,
  type Shapes,
} from "@/core/memory/training-memory";
import { readModelShape } from "@/gpu-workers/llm/model-files/installed-model";
import { getModelDir } from "@/lib/paths.mjs";

type Engine = Pick<
  Capabilities,
  "device" | "dtype" | "memoryBytes" | "deviceMemoryBytes" | "cluster"
>;

/** The machine that an engine computes on; each of several ranks has a device of it. */
export const describeEngineMachine = ({
  device,
  dtype,
  memoryBytes,
  deviceMemoryBytes,
  cluster,
}: Engine): Machine =>
  cluster
    ? describeCluster(cluster, memoryBytes)
    : {
        device,
        dtype,
        deviceBytes: deviceMemoryBytes > 0 ? deviceMemoryBytes : memoryBytes,
        machineBytes: memoryBytes,
        ranks: 1,
      };

/** The shapes of a run's models, as far as they are installed here. */
export async function readShapes({ searcher, generator, rl }: TrainConfig): Promise<Shapes> {
  const names = [searcher.model, generator.model, rl.critic.model].filter((name) => name !== null);
  const entries = await Promise.all(
    names.map(async (name) => [name, await readModelShape(getModelDir(name))] as const),
  );
  return Object.fromEntries(entries.flatMap(([name, shape]) => (shape ? [[name, shape]] : [])));
}

/**
 * What to say before a run that may not fit into the memory of the engine's device; null where it fits or nobody can
 * tell.
 */
export function buildMemoryWarning(
  config: TrainConfig,
  engine: Engine,
  shapes: Shapes = {},
): string | null {
  const judged = judgeTrainingMemory(config, describeEngineMachine(engine), shapes);
  if (judged === null || judged.verdict === "fits") return null;
  const each = judged.ranks > 1 ? ` on each of ${judged.ranks} ranks` : "";
  const then = engine.cluster
    ? "ranks do not halve their batches, and one that does not fit ends the attempt (searcher.microbatchTokens makes them smaller)"
    : "where memory does not suffice, the engine halves its batches";
  return `By calculation this run takes ${formatBytes(judged.totalBytes)} of ${formatBytes(judged.deviceBytes)} (${judged.device})${each}; ${judged.advice}. It is tried all the same: ${then}.`;
}
