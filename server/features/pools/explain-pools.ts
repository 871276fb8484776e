import type { TrainConfig } from "@/contracts/run-config/train-config";
import { formatBytes } from "@/core/memory/index-plan";
import { judgeTrainingMemory } from "@/core/memory/training-memory";
import type { WorkerRequirements } from "@/core/run/requirements";
import type { Queries } from "@/server/platform/db/database";
import { markMessage } from "@/core/texts/mark-message";
import { canOffer, describePoolMachine, hasAllNeeded } from "./plan-starts";
import { selectLiveWorkers, selectPools, type StoredPool } from "./queries";

/** Says what the pools do for a run that waits; null where none could take it. @param training its configuration, of a run that trains */
export async function explainPools(
  db: Queries,
  required: WorkerRequirements,
  training: TrainConfig | null,
): Promise<string | null> {
  if (required.worker !== null) return null;
  const run = {
    ...required,
    vllmGpus: required.vllmGpus ?? null,
    commands: required.commands ?? false,
    needsOwnEngine: required.ownEngine !== undefined,
    training,
  };
  const pools = (await selectPools(db)).filter((pool) => hasAllNeeded(pool, run));
  const able = pools.filter((pool) => canOffer(pool, run));
  const small = pools.filter((pool) => !able.includes(pool));
  if (pools.length === 0) return null;
  const live = await selectLiveWorkers(db);
  const said = able.map(({ id, name, quota, paused, isDue, error }) => {
    const own = live.filter(({ poolId }) => poolId === id);
    const coming = own.find(({ state }) => state === "requested" || state === "pending");
    if (coming)
      return coming.detail
        ? markMessage`the pool ${name} starts ${coming.name} (${coming.detail})`
        : markMessage`the pool ${name} starts ${coming.name}`;
    if (paused) return `${markMessage`the pool ${name} is paused`}${error ? `: ${error}` : ""}`;
    if (own.length >= quota) return markMessage`the pool ${name} has all of its ${quota} workers`;
    return isDue
      ? markMessage`the pool ${name} is about to start a worker`
      : `${markMessage`the pool ${name} tries again soon`}: ${error ?? markMessage`its last start failed`}`;
  });
  return [...said, ...small.map((pool) => explainMemory(pool, training!))].join("; ");
}

/** Says that the GPUs of a pool are too small, and what would make the run fit. */
function explainMemory(pool: StoredPool, training: TrainConfig): string {
  const { name, offers } = pool;
  const judged = judgeTrainingMemory(training, describePoolMachine(pool, training)!)!;
  const advice = judged.advice === null ? "" : `: ${judged.advice}`;
  const { gpus, gpuMemoryGib: gibibytes } = offers;
  const taken = formatBytes(judged.totalBytes);
  const why =
    gpus === 1
      ? markMessage`its GPU has ${gibibytes ?? 0} GiB, and the run would take ${taken} by calculation`
      : markMessage`each of its ${gpus} GPUs has ${gibibytes ?? 0} GiB, and the run would take ${taken} by calculation`;
  return `${markMessage`the pool ${name} starts no worker for it`}: ${why}${advice}`;
}
