import type { WorkerRequirements } from "@/core/run/requirements";
import type { Queries } from "@/server/platform/db/database";
import { canOffer } from "./plan-starts";
import { selectLiveWorkers, selectPools } from "./queries";

/** Says what the pools do for a run that waits; null where none could take it. */
export async function explainPools(
  db: Queries,
  required: WorkerRequirements,
): Promise<string | null> {
  if (required.worker !== null) return null;
  const run = {
    ...required,
    vllmGpus: required.vllmGpus ?? null,
    commands: required.commands ?? false,
    needsOwnEngine: required.ownEngine !== undefined,
  };
  const able = (await selectPools(db)).filter((pool) => canOffer(pool, run));
  if (able.length === 0) return null;
  const live = await selectLiveWorkers(db);
  const said = able.map(({ id, name, quota, paused, isDue, error }) => {
    const own = live.filter(({ poolId }) => poolId === id);
    const coming = own.find(({ state }) => state === "requested" || state === "pending");
    if (coming)
      return `the pool ${name} starts ${coming.name}${coming.detail ? ` (${coming.detail})` : ""}`;
    if (paused) return `the pool ${name} is paused${error ? `: ${error}` : ""}`;
    if (own.length >= quota) return `the pool ${name} has all of its ${quota} workers`;
    return isDue
      ? `the pool ${name} is about to start a worker`
      : `the pool ${name} tries again soon: ${error ?? "its last start failed"}`;
  });
  return said.join("; ");
}
