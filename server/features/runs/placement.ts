import { z } from "zod";
import type { planMemoryResponseSchema } from "@/contracts/api/new-run";
import type { checkRunResponseSchema } from "@/contracts/api/runs";
import type { ClusterStatus } from "@/contracts/engine/cluster";
import { AppError } from "@/contracts/errors";
import type { CheckedRequirement } from "@/contracts/records/requirement";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { countSamplerDevices, readSamplerPlacement } from "@/contracts/run-config/sampler";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import {
  attachRequestSchema,
  hardwareSchema,
  serviceReportSchema,
  slotsSchema,
} from "@/contracts/worker-protocol/attach";
import { countVllmDevices } from "@/contracts/worker-protocol/vllm-devices";
import {
  ASSUMED_MACHINE,
  describeMachine,
  describePlannedMachine,
  judgeTrainingMemory,
} from "@/core/memory/training-memory";
import { getModelCommand, MODEL_PRESETS } from "@/core/presets/model-presets";
import { buildRequirement } from "@/core/run/build-requirement";
import { requirementsFor, type WorkerRequirements } from "@/core/run/requirements";
import type { Offered } from "@/core/presets/run-parts";
import { explainPools } from "@/server/features/pools/explain-pools";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { markMessage } from "@/core/texts/mark-message";

type RunCheck = z.infer<typeof checkRunResponseSchema>;
/** What training would take of the memory of a device. */
export type MemoryEstimates = Pick<RunCheck, "memory" | "unjoined">;
type MemoryPlan = z.infer<typeof planMemoryResponseSchema>;

const onlineWorkerSchema = z.object({
  id: z.string(),
  name: z.string(),
  hardware: hardwareSchema,
  capabilities: attachRequestSchema.shape.capabilities,
  freeSlots: slotsSchema,
});
type OnlineWorker = z.infer<typeof onlineWorkerSchema>;

/** Which worker can take a run or a task, and what a run still waits for. */
export class Placement {
  constructor(private readonly database: Database) {}

  /** Checks each requirement of a run against the workers that are online. @param online as read before; left out: as now */
  async checkRequirements(
    config: RunConfig,
    online?: readonly OnlineWorker[],
  ): Promise<CheckedRequirement[]> {
    const workers = online ?? (await this.listOnlineWorkers());
    const required = requirementsFor(config);
    const checks = [
      checkAnyWorker(workers),
      ...(required.worker === null ? [] : [checkChosenWorker(workers, required.worker)]),
      ...required.models.map((model) => checkModel(workers, model)),
      ...required.corpora.map((corpus) => checkCorpus(workers, corpus)),
      ...(required.vllmGpus === undefined
        ? []
        : [checkVllm(workers, required.vllmGpus, countOwnSamplerGpus(config))]),
      ...(required.commands ? [checkCommands(workers)] : []),
      ...(required.ownEngine ? checkOwnEngine(workers, required.ownEngine) : []),
    ];
    if (checks.every((check) => check.ok) && !workers.some((w) => canRun(w, required)))
      checks.push(buildRequirement("no-single-worker", false));
    return checks;
  }

  /** Estimates the memory of a training run on each worker that could take it; on an assumed GPU where there is none. */
  async estimateMemory(config: RunConfig): Promise<MemoryEstimates> {
    if (config.kind !== "train") return { memory: null, unjoined: [] };
    const workers = await this.listOnlineWorkers();
    const shapes = mergeShapes(workers);
    const required = requirementsFor(config);
    const fitting = workers.filter((w) => canRun(w, required));
    // A service has memory of its own.
    const here = fitting.filter((w) => !trainsElsewhere(w));
    if (here.length < fitting.length && here.length === 0) return { memory: null, unjoined: [] };
    const clusters = await this.readClusters(here);
    const able = here.map((w) => ({
      worker: w.name,
      machine: describeMachine({ ...w, cluster: clusters.get(w.id) }),
    }));
    const estimates = (
      able.length > 0 ? able : [{ worker: null, machine: ASSUMED_MACHINE }]
    ).flatMap(({ worker, machine }) => {
      const judged = machine && judgeTrainingMemory(config, machine, shapes);
      return judged === null ? [] : [{ ...judged, worker }];
    });
    return {
      memory: estimates.length === 0 ? null : estimates,
      unjoined: able.flatMap(({ worker, machine }) => (machine === null ? [worker] : [])),
    };
  }

  /**
   * Plans the memory of a training run on GPUs that need not be here; null where the shape of one of its models is not known.
   *
   * @throws AppError "invalid-input" where the configuration trains nothing
   */
  async planMemory(
    config: RunConfig,
    { gpus, gibibytes }: { gpus: number; gibibytes: number },
  ): Promise<MemoryPlan> {
    if (config.kind !== "train")
      throw new AppError("invalid-input", `A run of kind ${config.kind} trains nothing.`);
    const shapes = mergeShapes(await this.listOnlineWorkers());
    return judgeTrainingMemory(config, describePlannedMachine(gpus, gibibytes), shapes);
  }

  /** Says why a queued run is not taken yet, and what the pools do about it. */
  async explainWaiting(config: RunConfig): Promise<string> {
    const unmet = (await this.checkRequirements(config)).find((check) => !check.ok);
    const reason = unmet?.detail ?? markMessage`every worker that could take it is busy`;
    const pools = await explainPools(
      this.database.db,
      requirementsFor(config),
      config.kind === "train" ? config : null,
    );
    return pools === null ? reason : `${reason}; ${pools}`;
  }

  /**
   * Chooses the worker for a task: online, with what it needs, the one with most free slots.
   *
   * @throws AppError "unsupported" with the reason where there is none
   */
  async chooseWorker(required: WorkerRequirements): Promise<{ id: string; name: string }> {
    const workers = await this.listOnlineWorkers();
    const [best] = workers
      .filter((w) => canRun(w, required))
      .sort((a, b) => countFreeSlots(b) - countFreeSlots(a));
    if (best) return best;
    throw new AppError("unsupported", explainNoWorker(workers, required));
  }

  /** What is here for runs: models and corpora of the workers that are online, and the server's question sets. */
  async listOffered(workers: readonly OnlineWorker[]): Promise<Offered> {
    const sets = await this.database.db.questionSet.findMany({
      where: { projectId: DEFAULT_PROJECT },
      distinct: ["name"],
      select: { name: true },
    });
    return {
      models: new Set(workers.flatMap((w) => w.capabilities.models)),
      corpora: new Set(workers.flatMap((w) => w.capabilities.corpora)),
      questions: new Set(sets.map(({ name }) => name)),
    };
  }

  /** The Ray clusters that engines have joined, by worker: of those whose ranks are not known otherwise. */
  private async readClusters(
    workers: readonly OnlineWorker[],
  ): Promise<Map<string, ClusterStatus>> {
    const ids = workers.filter((w) => w.capabilities.ranks === null).map(({ id }) => id);
    if (ids.length === 0) return new Map();
    const rows = await this.database.db.service.findMany({
      where: { workerId: { in: ids }, kind: "engine" },
      select: { workerId: true, report: true },
    });
    return new Map(
      rows.flatMap(({ workerId, report }) => {
        const { cluster } = serviceReportSchema.parse(report);
        return cluster ? [[workerId, cluster] as const] : [];
      }),
    );
  }

  /** The workers that could be given something now. */
  async listOnlineWorkers(): Promise<OnlineWorker[]> {
    const { db } = this.database;
    // A pool's worker is given nothing before it is found to have what the pool offers, and once its job is told to end.
    const closed = await db.poolWorker.findMany({
      where: { workerId: { not: null }, state: { in: ["pending", "ending"] } },
      select: { workerId: true },
    });
    const rows = await db.worker.findMany({
      where: {
        state: "online",
        id: { notIn: closed.flatMap(({ workerId }) => workerId ?? []) },
      },
      orderBy: { name: "asc" },
      select: { id: true, name: true, hardware: true, capabilities: true, freeSlots: true },
    });
    return onlineWorkerSchema.array().parse(rows);
  }
}

/** The shapes of all models that some worker has. */
const mergeShapes = (workers: readonly OnlineWorker[]): Record<string, ModelShape> =>
  Object.assign({}, ...workers.map(({ capabilities }) => capabilities.shapes ?? {})) as Record<
    string,
    ModelShape
  >;

const checkAnyWorker = (workers: readonly OnlineWorker[]): CheckedRequirement =>
  workers.length > 0
    ? buildRequirement("worker", true, { workers: listNames(workers) })
    : buildRequirement("no-worker", false);

function checkChosenWorker(workers: readonly OnlineWorker[], chosen: string): CheckedRequirement {
  const worker = workers.find((w) => isNamed(w, chosen));
  return worker
    ? buildRequirement("chosen-worker", true, { chosen, worker: worker.name })
    : buildRequirement("no-chosen-worker", false, { chosen });
}

/** A model, which workers have it, and how it is installed where none has. */
function checkModel(workers: readonly OnlineWorker[], model: string): CheckedRequirement {
  const having = workers.filter((w) => w.capabilities.models.includes(model));
  if (having.length > 0)
    return buildRequirement("model", true, { model, workers: listNames(having) });
  const preset = MODEL_PRESETS[model];
  if (preset === undefined) return buildRequirement("no-model", false, { model });
  const { downloadGiB: gibibytes, licence } = preset;
  const command = getModelCommand(preset);
  return buildRequirement("model-to-fetch", false, { model, command, gibibytes, licence });
}

function checkCorpus(workers: readonly OnlineWorker[], corpus: string): CheckedRequirement {
  const having = workers.filter((w) => w.capabilities.corpora.includes(corpus));
  return having.length > 0
    ? buildRequirement("corpus", true, { corpus, workers: listNames(having) })
    : buildRequirement("no-corpus", false, { corpus });
}

/** @param own GPUs that vLLM is to have beside the engine's; null: it shares them, or there is no engine */
function checkVllm(
  workers: readonly OnlineWorker[],
  gpus: number,
  own: number | null,
): CheckedRequirement {
  const having = workers.filter((w) => countVllmGpus(w) > 0);
  const large = having.filter((w) => countVllmGpus(w) >= gpus);
  if (own !== null && large.length > 0 && large.every((w) => (countLeftGpus(w) ?? own) < own)) {
    const taken = large.map((w) => {
      const all = countVllmGpus(w);
      return `${w.name} (${w.capabilities.ranks}/${all}) --engine-devices ${all - own}`;
    });
    return buildRequirement("taken-gpus", false, { gpus: own, workers: taken.join("; ") });
  }
  if (having.length === 0) return buildRequirement("no-vllm", false);
  const most = Math.max(...having.map(countVllmGpus));
  if (most < gpus) return buildRequirement("few-gpus", false, { gpus, most });
  const versions = having.map((w) => `${w.name} (${w.capabilities.vllm ?? ""})`);
  return buildRequirement("vllm", true, { workers: versions.join(", ") });
}

function explainNoWorker(workers: readonly OnlineWorker[], required: WorkerRequirements): string {
  const wanted = [
    ...required.models.map((model) => markMessage`the model ${model}`),
    ...required.corpora.map((corpus) => markMessage`the corpus ${corpus}`),
    ...(required.ownEngine
      ? [markMessage`an engine of its own (${required.ownEngine.join("; ")})`]
      : []),
  ].join(", ");
  if (required.worker !== null) {
    const chosen = workers.find((w) => isNamed(w, required.worker));
    return chosen
      ? markMessage`Worker ${chosen.name} does not have ${wanted}. Choose another worker.`
      : markMessage`The chosen worker is not online. Choose another one.`;
  }
  return workers.length === 0
    ? markMessage`No worker is attached. The Workers page has a command that attaches one.`
    : markMessage`No attached worker has ${wanted}.`;
}

function checkCommands(workers: readonly OnlineWorker[]): CheckedRequirement {
  const able = workers.filter(({ capabilities }) => capabilities.commands === true);
  return able.length > 0
    ? buildRequirement("commands", true, { workers: listNames(able) })
    : buildRequirement("no-commands", false);
}

/** Nothing where no worker trains at a service. */
function checkOwnEngine(
  workers: readonly OnlineWorker[],
  limits: readonly string[],
): CheckedRequirement[] {
  const elsewhere = workers.filter(trainsElsewhere);
  if (elsewhere.length === 0) return [];
  const own = workers.filter((w) => !trainsElsewhere(w));
  return own.length > 0
    ? [buildRequirement("own-engine", true, { workers: listNames(own) })]
    : [
        buildRequirement("no-own-engine", false, {
          workers: listNames(elsewhere),
          limits: limits.join("; "),
        }),
      ];
}

const trainsElsewhere = ({ capabilities }: OnlineWorker): boolean =>
  capabilities.tinker !== undefined;
const listNames = (workers: readonly OnlineWorker[]): string =>
  workers.map((w) => w.name).join(", ");
const isNamed = (worker: OnlineWorker, name: string | null): boolean =>
  name === null || name === worker.name || name === worker.id;
const countFreeSlots = ({ freeSlots }: OnlineWorker): number => freeSlots.light + freeSlots.engine;
const countVllmGpus = ({ capabilities, hardware }: OnlineWorker): number =>
  countVllmDevices(capabilities.vllm, hardware.gpus.length);
/** GPUs that a worker's engine leaves; null: not known before it has joined its Ray cluster. */
function countLeftGpus(worker: OnlineWorker): number | null {
  const { device, ranks } = worker.capabilities;
  if (device !== "cuda") return countVllmGpus(worker);
  return ranks == null ? null : countVllmGpus(worker) - ranks;
}
/** GPUs that a run's vLLM is to have for itself; null: it shares the engine's, or there is none. */
function countOwnSamplerGpus(config: RunConfig): number | null {
  if (config.kind !== "train" || config.searcher.sampler !== "vllm") return null;
  const placement = readSamplerPlacement(config.searcher);
  return placement.placement === "apart" ? countSamplerDevices(placement) : null;
}
const canRun = (worker: OnlineWorker, required: WorkerRequirements): boolean =>
  (required.vllmGpus === undefined || countVllmGpus(worker) >= required.vllmGpus) &&
  (!required.commands || worker.capabilities.commands === true) &&
  (!required.ownEngine || !trainsElsewhere(worker)) &&
  isNamed(worker, required.worker) &&
  required.models.every((model) => worker.capabilities.models.includes(model)) &&
  required.corpora.every((corpus) => worker.capabilities.corpora.includes(corpus));
