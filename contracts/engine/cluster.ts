import { z } from "zod";

/** What a distributed engine tells of its ranks: one model on several GPUs or machines, joined by Ray. */

const placementStrategySchema = z.enum(["pack", "spread"]);

export const clusterStatusSchema = z.object({
  /** Address of a Ray cluster that was given; null: the engine started one of its own. */
  address: z.string().nullable(),
  /** pack: ranks on as few machines as hold them; spread: on as many as there are. */
  strategy: placementStrategySchema,
  nodes: z.array(
    z.object({
      id: z.string(),
      address: z.string(),
      alive: z.boolean(),
      cpus: z.number(),
      gpus: z.number(),
      memoryBytes: z.number(),
      ranks: z.array(z.int()),
    }),
  ),
  ranks: z.array(
    z.object({
      rank: z.int(),
      /** Id of its node. */
      node: z.string(),
      /** Name of the GPU or processor. */
      device: z.string(),
      /** Memory of its GPU; 0 where it computes on a CPU; absent in reports of older workers. */
      deviceMemoryBytes: z.number().optional(),
      /** Memory of its machine; absent in reports of older workers. */
      memoryBytes: z.number().optional(),
      dtype: z.enum(["float32", "bfloat16", "float16"]).optional(),
      pid: z.int(),
    }),
  ),
});
export type ClusterStatus = z.infer<typeof clusterStatusSchema>;

/** Seconds and memory of a rank since the optimiser step before. */
export const rankTimesSchema = z.object({
  rank: z.int(),
  computeSeconds: z.number(),
  /** In collectives. On a GPU they overlap with computing, and count here alone. */
  communicationSeconds: z.number(),
  /** For slower ranks. */
  waitSeconds: z.number(),
  /** The most memory so far: of the GPU, or on a CPU resident. */
  peakMemoryBytes: z.number(),
  /** Tokens that passed through the trained layers, or were sampled. */
  tokens: z.int(),
});
export type RankTimes = z.infer<typeof rankTimesSchema>;
