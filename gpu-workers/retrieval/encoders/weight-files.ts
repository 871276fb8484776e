import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { getMemoryLimit } from "@/gpu-workers/runtime/machine";

/**
 * Share of the memory that the sessions of one network may hold: each session has the weights for itself. An encoder's
 * and a reranker's leave room for an index that is read whole (see index-thread.ts).
 */
const SESSIONS_SHARE = 0.25;

/** The files that hold a network's weights: the network's own and, of a large one, the one beside it. */
export async function listWeightFiles(modelPath: string): Promise<string[]> {
  const beside = [`${modelPath}_data`, `${modelPath}.data`];
  const found = await Promise.all(beside.map((path) => readFileSize(path)));
  return [modelPath, ...beside.filter((_, i) => found[i] !== null)];
}

/** How many sessions of these networks to hold: one for each core, or as many as their share of the memory has room for; at least one. */
export async function countSessions(
  modelPaths: readonly string[],
  { cores = availableParallelism(), memoryBytes = getMemoryLimit() } = {},
): Promise<number> {
  const files = await Promise.all([...new Set(modelPaths)].map(listWeightFiles));
  const sizes = await Promise.all(files.flat().map(readFileSize));
  const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  return Math.max(1, Math.min(cores, Math.floor((memoryBytes * SESSIONS_SHARE) / bytes)));
}

/** Null where there is no such file. */
const readFileSize = (path: string): Promise<number | null> =>
  stat(path).then(
    (entry) => (entry.isFile() ? entry.size : null),
    () => null,
  );
