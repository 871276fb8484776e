import { availableParallelism } from "node:os";
import { getFileSize } from "@/lib/files";
import { getMemoryLimit } from "@/gpu-workers/runtime/machine";

/**
 * Share of the memory that the sessions of one network may take: each session holds the weights itself. An encoder's and
 * a reranker's sessions leave room for an index in memory (see faiss-thread.ts).
 */
const SESSIONS_SHARE = 0.25;

/** Lists the files with a network's weights: its ONNX file and, of a large network, the file of external data. */
export async function listWeightFiles(modelPath: string): Promise<string[]> {
  const externalData = [`${modelPath}_data`, `${modelPath}.data`];
  const found = await Promise.all(externalData.map(getFileSize));
  return [modelPath, ...externalData.filter((_, i) => found[i] !== null)];
}

/** How many sessions of these networks to open: one for each core, fewer where their share of memory is short; at least one. */
export async function countSessions(
  modelPaths: readonly string[],
  { cores = availableParallelism(), memoryBytes = getMemoryLimit() } = {},
): Promise<number> {
  const files = await Promise.all([...new Set(modelPaths)].map(listWeightFiles));
  const sizes = await Promise.all(files.flat().map(getFileSize));
  const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  return Math.max(1, Math.min(cores, Math.floor((memoryBytes * SESSIONS_SHARE) / bytes)));
}
