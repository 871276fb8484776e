import { count, mebibytes, share, type MetricDefinition } from "./metric-definition";

/** How a distributed engine's ranks spent a step. */
export const RANK_METRICS = {
  "engine/ranks": count(
    "GPUs, or processes on a CPU, that trained the model together (distributed engine)",
  ),
  "engine/communication_share": share(
    "Share of the ranks' time that passed in collectives: gathering weights, scattering gradients; on GPUs it overlaps with computing and counts here",
    "lower",
  ),
  "engine/rank_utilisation_min": share(
    "Share of its time in which the least busy rank computed, instead of communicating or waiting for slower ones",
    "higher",
  ),
  "engine/rank_utilisation_mean": share(
    "Share of their time in which the ranks computed, mean over ranks",
    "higher",
  ),
  "engine/slowest_rank": count(
    "Number of the rank that computed longest, for which the others waited; the Workers page says where it is",
  ),
  "engine/rank_memory_max_mb": mebibytes(
    "Peak memory of the rank that took most: on its GPU, or on a CPU resident",
    "lower",
  ),
} as const satisfies Record<string, MetricDefinition>;
