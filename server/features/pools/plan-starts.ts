import type { PoolOffers } from "@/contracts/api/pools";
import { countSamplerDevices, readSamplerPlacement } from "@/contracts/run-config/sampler";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  describePlannedMachine,
  estimateTrainingMemory,
  judgeMemory,
  type Machine,
} from "@/core/memory/training-memory";

/** Which workers the pools start for the runs that wait. Pure, so that it can be tested without a scheduler. */

export interface WaitingRun {
  slot: "engine" | "light";
  models: readonly string[];
  corpora: readonly string[];
  /** GPUs that its vLLM needs; null: it needs none. */
  vllmGpus: number | null;
  /** It is a command: only a worker that was started to run commands takes it. */
  commands: boolean;
  /** Only a worker whose own engine trains takes it. */
  needsOwnEngine: boolean;
  /** What it trains, whose memory is held against the pools' GPUs; null: nothing. */
  training: TrainConfig | null;
}

/** A worker that is attached and has free slots. */
export interface FreeWorker {
  models: readonly string[];
  corpora: readonly string[];
  /** GPUs that its vLLM may have. */
  vllmGpus: number;
  /** Whether it runs commands. */
  commands: boolean;
  /** Whether it trains at a Tinker service. */
  trainsElsewhere: boolean;
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
}

/** A worker that was requested and has not attached. */
export interface ComingWorker {
  id: string;
  poolId: string;
}

export interface Plan {
  /** Pools that start a worker, by id, in this order; one that starts several stands there as often. */
  starts: readonly string[];
  /** Coming workers that no run waits for. */
  unneeded: readonly string[];
  /** Runs that each pool could take and that no attached worker has room for, by its id. */
  waiting: ReadonlyMap<string, number>;
}

interface Room extends FreeWorker {
  /** Of one that is not attached: its pool, whose GPUs must have the memory. */
  pool?: PlannedPool;
  take?: () => void;
}

const fits = (room: FreeWorker, run: WaitingRun): boolean =>
  room.free[run.slot] > 0 &&
  run.models.every((model) => room.models.includes(model)) &&
  run.corpora.every((corpus) => room.corpora.includes(corpus)) &&
  (run.vllmGpus === null || run.vllmGpus <= room.vllmGpus) &&
  (!run.commands || room.commands) &&
  !(run.needsOwnEngine && room.trainsElsewhere);

type Offering = Pick<PlannedPool, "offers">;

/** What a worker of a pool will have once it is attached. */
const buildRoom = ({ offers }: Offering): FreeWorker => ({
  models: offers.models,
  corpora: offers.corpora,
  vllmGpus: offers.vllm ? offers.gpus : 0,
  commands: offers.commands,
  trainsElsewhere: offers.tinker,
  free: { engine: offers.engineSlots, light: offers.lightSlots },
});

/**
 * The GPUs on which a pool's worker would train, where their memory is known: all but those that vLLM has for itself.
 * Null where it is not known, or a service trains.
 */
export function describePoolMachine(
  { offers }: Offering,
  { searcher }: TrainConfig,
): Machine | null {
  if (offers.tinker || offers.gpus === 0 || offers.gpuMemoryGib === 0) return null;
  const placement = readSamplerPlacement(searcher);
  const isApart = searcher.sampler === "vllm" && placement.placement === "apart";
  const ranks = offers.gpus - (isApart ? countSamplerDevices(placement) : 0);
  return ranks > 0 ? describePlannedMachine(ranks, offers.gpuMemoryGib) : null;
}

/** Whether a training would run out of memory on a pool's GPUs, by calculation. */
function isTooLarge(pool: Offering, training: TrainConfig | null): boolean {
  if (training === null) return false;
  const machine = describePoolMachine(pool, training);
  const estimate = machine && estimateTrainingMemory(training, machine);
  if (machine === null || estimate === null) return false;
  return judgeMemory(estimate.totalBytes, machine.deviceBytes) === "too small";
}

/** Whether a run needs no more than a pool's workers have, whatever memory it takes. */
export const hasAllNeeded = (pool: Offering, run: WaitingRun): boolean =>
  fits(buildRoom(pool), run);

/** Whether a run could go to a new worker of a pool that offers this. */
export const canOffer = (pool: Offering, run: WaitingRun): boolean =>
  hasAllNeeded(pool, run) && !isTooLarge(pool, run.training);

/**
 * Gives each waiting run, the oldest first, to a free worker, else to one that is coming, else to a new one of the
 * cheapest pool that could take it and whose quota has room.
 *
 * @param coming the oldest first: then the same runs, once what was started is coming, start nothing more
 */
export function planStarts(
  pools: readonly PlannedPool[],
  coming: readonly ComingWorker[],
  workers: readonly FreeWorker[],
  runs: readonly WaitingRun[],
): Plan {
  const starts: string[] = [];
  const waiting = new Map<string, number>();
  const needed = new Set<string>();
  const cheapest = [...pools].sort(
    (a, b) => a.costPerHour - b.costPerHour || (a.name < b.name ? -1 : 1),
  );
  const attached: Room[] = workers.map((worker) => ({ ...worker, free: { ...worker.free } }));
  const arriving: Room[] = coming.flatMap(({ id, poolId }) => {
    const pool = pools.find((one) => one.id === poolId);
    return pool ? [{ ...buildRoom(pool), pool, take: () => void needed.add(id) }] : [];
  });
  const use = (rooms: readonly Room[], run: WaitingRun): boolean => {
    const room = rooms.find(
      (one) => fits(one, run) && !(one.pool && isTooLarge(one.pool, run.training)),
    );
    if (!room) return false;
    room.free[run.slot] -= 1;
    room.take?.();
    return true;
  };
  const countStarts = (id: string): number => starts.filter((one) => one === id).length;
  for (const run of runs) {
    if (use(attached, run)) continue;
    const able = cheapest.filter((pool) => canOffer(pool, run));
    for (const { id } of able) waiting.set(id, (waiting.get(id) ?? 0) + 1);
    if (use(arriving, run)) continue;
    const pool = able.find(
      ({ id, mayStart, live, quota }) => mayStart && live + countStarts(id) < quota,
    );
    if (!pool) continue;
    starts.push(pool.id);
    arriving.push({ ...buildRoom(pool), pool });
    use(arriving, run);
  }
  const unneeded = coming.map(({ id }) => id).filter((id) => !needed.has(id));
  return { starts, unneeded, waiting };
}
