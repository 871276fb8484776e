import type { PoolOffers } from "@/contracts/api/pools";

/** Which workers the pools start for the runs that wait. Pure, so that it can be tested without a scheduler. */

export interface WaitingRun {
  slot: "engine" | "light";
  models: readonly string[];
  corpora: readonly string[];
  /** GPUs that its vLLM needs; null: it needs none. */
  vllmGpus: number | null;
}

/** A worker that is attached and has free slots. */
export interface FreeWorker {
  models: readonly string[];
  corpora: readonly string[];
  /** GPUs that its vLLM may have. */
  vllmGpus: number;
  free: { engine: number; light: number };
}

export interface PlannedPool {
  id: string;
  name: string;
  offers: PoolOffers;
  quota: number;
  costPerHour: number;
  /** Its workers that have not ended, whatever their state. */
  live: number;
  /** Whether it may start one now. */
  mayStart: boolean;
  /** Its workers that were requested and have not attached, oldest first. */
  coming: readonly string[];
}

export interface Plan {
  /** How many workers each pool starts, by its id; pools that start none are absent. */
  starts: ReadonlyMap<string, number>;
  /** Coming workers that no run waits for. */
  unneeded: readonly string[];
  /** Runs that each pool could take and that no attached worker has room for, by its id. */
  waiting: ReadonlyMap<string, number>;
}

interface Room extends FreeWorker {
  take?: () => void;
}

const fits = (room: FreeWorker, run: WaitingRun): boolean =>
  room.free[run.slot] > 0 &&
  run.models.every((model) => room.models.includes(model)) &&
  run.corpora.every((corpus) => room.corpora.includes(corpus)) &&
  (run.vllmGpus === null || run.vllmGpus <= room.vllmGpus);

/** What a worker of a pool will have once it is attached. */
const buildRoom = (offers: PoolOffers): FreeWorker => ({
  models: offers.models,
  corpora: offers.corpora,
  vllmGpus: offers.vllm ? offers.gpus : 0,
  free: { engine: offers.engineSlots, light: offers.lightSlots },
});

/** Whether a run could go to a new worker of a pool that offers this. */
export const canOffer = (offers: PoolOffers, run: WaitingRun): boolean =>
  fits(buildRoom(offers), run);

/**
 * Gives each waiting run, the oldest first, to a free worker, else to one that is coming, else to a new one of the
 * cheapest pool that could take it and whose quota has room.
 */
export function planStarts(
  pools: readonly PlannedPool[],
  workers: readonly FreeWorker[],
  runs: readonly WaitingRun[],
): Plan {
  const starts = new Map<string, number>();
  const waiting = new Map<string, number>();
  const needed = new Set<string>();
  const cheapest = [...pools].sort(
    (a, b) => a.costPerHour - b.costPerHour || (a.name < b.name ? -1 : 1),
  );
  const attached: Room[] = workers.map((worker) => ({ ...worker, free: { ...worker.free } }));
  const coming: Room[] = cheapest.flatMap((pool) =>
    pool.coming.map((id) => ({ ...buildRoom(pool.offers), take: () => void needed.add(id) })),
  );
  const use = (rooms: readonly Room[], run: WaitingRun): boolean => {
    const room = rooms.find((one) => fits(one, run));
    if (!room) return false;
    room.free[run.slot] -= 1;
    room.take?.();
    return true;
  };
  for (const run of runs) {
    if (use(attached, run)) continue;
    const able = cheapest.filter(({ offers }) => canOffer(offers, run));
    for (const { id } of able) waiting.set(id, (waiting.get(id) ?? 0) + 1);
    if (use(coming, run)) continue;
    const pool = able.find(
      ({ id, mayStart, live, quota }) => mayStart && live + (starts.get(id) ?? 0) < quota,
    );
    if (!pool) continue;
    starts.set(pool.id, (starts.get(pool.id) ?? 0) + 1);
    coming.push(buildRoom(pool.offers));
    use(coming, run);
  }
  const unneeded = pools.flatMap((pool) => pool.coming).filter((id) => !needed.has(id));
  return { starts, unneeded, waiting };
}
