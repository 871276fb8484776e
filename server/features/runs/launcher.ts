import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { answersItself } from "@/core/comparability/comparability";
import { METHODS } from "@/contracts/run-config/method";
import { AppError, describeIssues } from "@/contracts/errors";
import {
  runConfigSchema,
  type PredictConfig,
  type RunConfig,
  type ServeModelConfig,
  type TrainConfig,
} from "@/contracts/run-config/run-config";
import {
  ASSUMED_MACHINE,
  machineOf,
  memoryAdvice,
  memoryVerdict,
  trainingMemory,
} from "@/core/memory/training-memory";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import type { Hardware } from "@/contracts/worker-protocol/worker-protocol";
import type { checkRunResponseSchema } from "@/contracts/api/runs";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { modelOf, needsOf, type Needs } from "./needs";
import type { Runs } from "./runs";

type Check = z.infer<typeof checkRunResponseSchema>;
type Issue = Check["issues"][number];
type Requirement = Check["requirements"][number];

interface OnlineWorker {
  id: string;
  name: string;
  hardware: Hardware;
  capabilities: {
    models: string[];
    corpora: string[];
    device: string;
    dtype: string;
    shapes?: Record<string, ModelShape>;
    vllm?: string | null;
  };
  freeSlots: { engine: number; light: number };
}

const listed = (names: readonly string[]): string => (names.length > 0 ? names.join(", ") : "none");

/** Checks configurations against what is stored and who is attached, and queues runs. */
export class Launcher {
  constructor(
    private readonly database: Database,
    private readonly runs: Runs,
  ) {}

  /** Queues a run. @throws AppError "invalid-input" that names every setting that is wrong, by its path */
  async launch(
    input: unknown,
    options: { actor: string; preset: string | null },
  ): Promise<{ id: string }> {
    const parsed = runConfigSchema.safeParse(input);
    if (!parsed.success)
      throw new AppError(
        "invalid-input",
        `The configuration is not valid:\n${describeIssues(parsed.error)}`,
      );
    const config = await this.withReused(parsed.data);
    await this.requireReferences(config);
    return { id: await this.runs.create(config, options) };
  }

  /** Says everything that keeps a configuration from starting now. */
  async check(input: unknown): Promise<Check> {
    const parsed = runConfigSchema.safeParse(input);
    if (!parsed.success)
      return {
        ok: false,
        issues: parsed.error.issues.map((issue) => ({
          path: issue.path.join("."),
          message: issue.message,
        })),
        requirements: [],
        memory: null,
      };
    const config = await this.withReused(parsed.data);
    const [issues, requirements, memory] = await Promise.all([
      this.referenceIssues(config),
      this.requirements(config),
      this.memory(config),
    ]);
    return {
      ok: issues.length === 0 && requirements.every((r) => r.ok),
      issues,
      requirements,
      memory,
    };
  }

  /** @throws AppError "invalid-input" where the configuration names something that is not there */
  async requireReferences(config: RunConfig): Promise<void> {
    const issues = await this.referenceIssues(config);
    if (issues.length > 0)
      throw new AppError(
        "invalid-input",
        `The configuration is not valid:\n${issues.map((issue) => `${issue.path}: ${issue.message}`).join("\n")}`,
      );
  }

  /** What a worker must have, each met or not by those that are online, with the reason. */
  async requirements(config: RunConfig): Promise<Requirement[]> {
    const workers = await this.online();
    const needs = needsOf(config);
    const requirements: Requirement[] = [
      {
        name: "worker",
        ok: workers.length > 0,
        detail:
          workers.length > 0
            ? `online: ${listed(workers.map((w) => w.name))}`
            : "no worker is attached; the Workers page has a command that attaches one",
      },
    ];
    if (needs.worker !== null) {
      const chosen = workers.find((w) => isNamed(w, needs.worker));
      requirements.push({
        name: `worker ${needs.worker}`,
        ok: chosen !== undefined,
        detail: chosen
          ? `${chosen.name} is online`
          : `the chosen worker ${needs.worker} is not attached; start it, or choose another`,
      });
    }
    for (const model of needs.models) {
      const having = workers.filter((w) => w.capabilities.models.includes(model));
      requirements.push({
        name: `model ${model}`,
        ok: having.length > 0,
        detail:
          having.length > 0
            ? `on ${listed(having.map((w) => w.name))}`
            : `no attached worker has the model ${model}`,
      });
    }
    for (const corpus of needs.corpora) {
      const having = workers.filter((w) => w.capabilities.corpora.includes(corpus));
      requirements.push({
        name: `corpus ${corpus}`,
        ok: having.length > 0,
        detail:
          having.length > 0
            ? `on ${listed(having.map((w) => w.name))}`
            : `no attached worker has the corpus ${corpus}`,
      });
    }
    if (needs.vllmGpus !== undefined) {
      const having = workers.filter((w) => vllmGpus(w) > 0);
      const most = Math.max(0, ...having.map(vllmGpus));
      const detail =
        having.length === 0
          ? "no attached worker has vLLM and a GPU; install vLLM there and name its program in S3_VLLM, or choose the server engine"
          : most < needs.vllmGpus
            ? `needs ${needs.vllmGpus} GPUs on one worker; the largest with vLLM has ${most}`
            : `on ${listed(having.map((w) => `${w.name} (${w.capabilities.vllm ?? ""})`))}`;
      requirements.push({ name: "vLLM", ok: most >= needs.vllmGpus, detail });
    }
    if (requirements.every((r) => r.ok) && !workers.some((w) => fits(w, needs))) {
      requirements.push({
        name: "one worker",
        ok: false,
        detail: "no single attached worker has everything that the run needs",
      });
    }
    return requirements;
  }

  /** What a training run would take of the memory of each worker that could take it; of an assumed GPU where there is none. */
  async memory(config: RunConfig): Promise<Check["memory"]> {
    if (config.kind !== "train") return null;
    const workers = await this.online();
    const shapes = Object.assign(
      {},
      ...workers.map(({ capabilities }) => capabilities.shapes ?? {}),
    ) as Record<string, ModelShape>;
    const needs = needsOf(config);
    const able = workers
      .filter((w) => fits(w, needs))
      .map((w) => ({ worker: w.name as string | null, machine: machineOf(w) }));
    const estimates = (
      able.length > 0 ? able : [{ worker: null, machine: ASSUMED_MACHINE }]
    ).flatMap(({ worker, machine }) => {
      const estimate = trainingMemory(config, machine, shapes);
      if (estimate === null) return [];
      const verdict = memoryVerdict(estimate.totalBytes, machine.deviceBytes);
      return [
        {
          ...estimate,
          worker,
          device: machine.device,
          deviceBytes: machine.deviceBytes,
          verdict,
          advice: verdict === "fits" ? null : memoryAdvice(estimate, config),
        },
      ];
    });
    return estimates.length === 0 ? null : estimates;
  }

  /** Why a queued run is not taken yet. */
  async waitingFor(config: RunConfig): Promise<string> {
    const unmet = (await this.requirements(config)).find((r) => !r.ok);
    return unmet?.detail ?? "every worker that could take it is busy";
  }

  /** The worker for a task: online, with what it needs, the one with most free slots. */
  async pickWorker(needs: Needs): Promise<{ id: string; name: string }> {
    const workers = await this.online();
    const fitting = workers
      .filter((w) => fits(w, needs))
      .sort(
        (a, b) => b.freeSlots.light + b.freeSlots.engine - a.freeSlots.light - a.freeSlots.engine,
      );
    if (fitting[0]) return fitting[0];
    const wanted = [
      ...needs.models.map((m) => `the model ${m}`),
      ...needs.corpora.map((c) => `the corpus ${c}`),
    ];
    if (needs.worker !== null) {
      const chosen = workers.find((w) => isNamed(w, needs.worker));
      throw new AppError(
        "unsupported",
        chosen
          ? `Worker ${chosen.name} does not have ${wanted.join(" and ")}. Choose another worker.`
          : "The chosen worker is not online. Choose another one.",
      );
    }
    throw new AppError(
      "unsupported",
      workers.length === 0
        ? "No worker is attached. The Workers page has a command that attaches one."
        : `No attached worker has ${wanted.join(" and ")}.`,
    );
  }

  private online(): Promise<OnlineWorker[]> {
    return this.database.db.$queryRaw<
      OnlineWorker[]
    >`SELECT id, name, hardware, capabilities, free_slots AS "freeSlots" FROM workers WHERE state = 'online' ORDER BY name`;
  }

  /** Everything that the configuration names and that is not there. */
  async referenceIssues(config: RunConfig): Promise<Issue[]> {
    const issues: Issue[] = [];
    const corpusPath = config.kind === "train" ? "data.corpus" : "corpus";
    for (const corpus of needsOf(config).corpora) {
      const known = await this.database.db.$queryRaw<unknown[]>`
        SELECT 1 FROM corpora WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${corpus} UNION ALL SELECT 1 FROM workers WHERE capabilities -> 'corpora' ? ${corpus} LIMIT 1`;
      if (known.length === 0)
        issues.push({ path: corpusPath, message: `there is no corpus "${corpus}"` });
    }
    if (config.kind === "train") {
      const training = await this.questionSet(config.data.trainQuestions);
      if (!training)
        issues.push({
          path: "data.trainQuestions",
          message: `there is no question set "${config.data.trainQuestions}"`,
        });
      else if (config.reward.weights.goldRecall !== 0 && training.withGold === 0)
        issues.push({
          path: "reward.weights.goldRecall",
          message: `the questions of "${config.data.trainQuestions}" name no gold documents; set it to 0`,
        });
      else if (config.coldStart.demonstrations > 0 && training.withGold === 0)
        issues.push({
          path: "coldStart.demonstrations",
          message: `the questions of "${config.data.trainQuestions}" name no gold documents to demonstrate; set it to 0`,
        });
      if (
        config.evaluation.questions > 0 &&
        !(await this.questionSet(config.data.heldOutQuestions))
      )
        issues.push({
          path: "data.heldOutQuestions",
          message: `there is no question set "${config.data.heldOutQuestions}"`,
        });
    }
    if (config.kind === "predict") {
      const set = await this.questionSet(config.questions);
      if (!set)
        issues.push({
          path: "questions",
          message: `there is no question set "${config.questions}"`,
        });
      else if (config.method === "gold" && set.withGold === 0)
        issues.push({
          path: "questions",
          message: `the questions of "${config.questions}" name no gold documents (goldIds), so there is no ceiling to measure`,
        });
      if (config.method === "gold" && config.retriever.kind === "remote")
        issues.push({
          path: "retriever.kind",
          message:
            "a remote retriever cannot look documents up by their ids, so it has no gold documents to hand over; choose one that holds the corpus, e.g. bm25",
        });
      if (config.reuse.episodesOf !== null)
        issues.push(...(await this.reuseIssues(config.reuse.episodesOf, config)));
      else if (config.matchRun !== null)
        issues.push(...(await this.matchIssues(config.matchRun, config.questions)));
    }
    if (config.kind === "evaluate") {
      const set = await this.questionSet(config.questions);
      if (!set)
        issues.push({
          path: "questions",
          message: `there is no question set "${config.questions}"`,
        });
      else if (set.withGold === 0)
        issues.push({
          path: "questions",
          message: `the questions of "${config.questions}" name no gold documents (goldIds), so a retriever cannot be measured on them`,
        });
    }
    if (config.kind === "serve" && config.what === "model" && config.checkpoint !== null)
      issues.push(...(await this.checkpointIssues(config.checkpoint, config)));
    // Stored episodes need their checkpoint no more.
    const searches =
      config.kind === "train" || (config.kind === "predict" && config.reuse.episodesOf === null);
    if (searches && config.searcher.checkpoint !== null)
      issues.push(...(await this.checkpointIssues(config.searcher.checkpoint, config)));
    return issues;
  }

  private async questionSet(name: string): Promise<{ withGold: number } | undefined> {
    const rows = await this.database.db.$queryRaw<{ withGold: number }[]>`
      SELECT with_gold AS "withGold" FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1`;
    return rows[0];
  }

  /** A run on stored episodes with the settings that made them, whatever its own were: what is stored of it, and listed, is true. */
  private async withReused(config: RunConfig): Promise<RunConfig> {
    if (config.kind !== "predict" || config.reuse.episodesOf === null) return config;
    const source = await this.configOf(config.reuse.episodesOf);
    return source?.kind === "predict" ? reusing(config, source) : config;
  }

  private async reuseIssues(runId: string, config: PredictConfig): Promise<Issue[]> {
    const source = await this.configOf(runId);
    if (!source) return [{ path: "reuse.episodesOf", message: `there is no run ${runId}` }];
    if (source.kind !== "predict")
      return [{ path: "reuse.episodesOf", message: "must be a predict run" }];
    const wanted = reusing(config, source);
    return [
      ...(["method", "questions", "corpus"] as const)
        .filter((key) => source[key] !== config[key])
        .map((key) => ({
          path: key,
          message: `is "${source[key]}" in the run whose episodes are reused; give the same`,
        })),
      // Whoever queues a run without `launch` takes nothing over.
      ...MADE_BY.filter((key) => !isDeepStrictEqual(wanted[key], config[key])).map((key) => ({
        path: key,
        message: "is not what the run whose episodes are reused has; give the same",
      })),
    ];
  }

  private async configOf(runId: string): Promise<RunConfig | undefined> {
    const rows = await this.database.db.$queryRaw<
      { config: unknown }[]
    >`SELECT config FROM runs WHERE id = ${runId}::uuid`;
    return rows[0] && runConfigSchema.parse(rows[0].config);
  }

  private async matchIssues(runId: string, questions: string): Promise<Issue[]> {
    const other = await this.configOf(runId);
    if (!other) return [{ path: "matchRun", message: `there is no run ${runId}` }];
    if (other.kind !== "predict" || !METHODS[other.method].retrieves)
      return [{ path: "matchRun", message: "must be a predict run of a method that searches" }];
    if (other.questions !== questions)
      return [{ path: "matchRun", message: `answered "${other.questions}", not "${questions}"` }];
    return [];
  }

  private async checkpointIssues(
    artifactId: string,
    config: TrainConfig | PredictConfig | ServeModelConfig,
  ): Promise<Issue[]> {
    const path = config.kind === "serve" ? "checkpoint" : "searcher.checkpoint";
    const rows = await this.database.db.$queryRaw<{ config: unknown }[]>`
      SELECT r.config FROM artifacts a JOIN runs r ON r.id = a.run_id WHERE a.id = ${artifactId}::uuid AND a.kind = 'checkpoint' AND a.deleted_at IS NULL`;
    if (!rows[0])
      return [{ path, message: `there is no checkpoint ${artifactId}, or it is no longer kept` }];
    const source = runConfigSchema.parse(rows[0].config);
    const trained = modelOf(source);
    const wanted = config.kind === "serve" ? config.model : config.searcher.model;
    if (trained !== wanted)
      return [{ path, message: `is of the model ${trained ?? "(none)"}, not ${wanted}` }];
    // A predict run takes the adapter's shape from the checkpoint; a branch trains on, so its own must be the same.
    return config.kind === "train" && source.kind === "train" ? branchIssues(config, source) : [];
  }
}

/** Settings that stored episodes, and kept answers, were made by. */
const MADE_BY = [
  "retriever",
  "search",
  "searcher",
  "methodSettings",
  "documents",
  "matchRun",
  "generator",
] as const;

/** A configuration on the episodes of another run, which says of them what that run says; of kept answers, who gave them. */
function reusing(config: PredictConfig, source: PredictConfig): PredictConfig {
  const { retriever, search, searcher, methodSettings, documents, matchRun } = source;
  const { keepAnswers } = config.reuse;
  const answeredBy = keepAnswers && answersItself(source) ? "method" : "generator";
  return {
    ...config,
    retriever,
    search,
    searcher,
    documents,
    matchRun,
    methodSettings: { ...methodSettings, answeredBy },
    ...(keepAnswers && { generator: source.generator }),
  };
}

/** Why a training run cannot go on from a checkpoint of another. */
function branchIssues({ searcher, rl }: TrainConfig, source: TrainConfig): Issue[] {
  const shape = ({ tuning, adapter }: TrainConfig["searcher"]): string =>
    tuning === "full"
      ? `full from layer ${adapter.firstLayer}`
      : `lora of rank ${adapter.rank}, alpha ${adapter.alpha}, from layer ${adapter.firstLayer}`;
  if (shape(searcher) !== shape(source.searcher))
    return [
      {
        path: "searcher.checkpoint",
        message: `was trained as ${shape(source.searcher)}, not as ${shape(searcher)}; give the same`,
      },
    ];
  const needsCritic =
    searcher.checkpointState === "all" && rl.algorithm === "ppo" && source.rl.algorithm !== "ppo";
  return needsCritic
    ? [
        {
          path: "searcher.checkpointState",
          message: `there is no critic in a checkpoint of ${source.rl.algorithm}; take the weights alone`,
        },
      ]
    : [];
}

const isNamed = (worker: OnlineWorker, name: string | null): boolean =>
  name === null || name === worker.name || name === worker.id;
const vllmGpus = (worker: OnlineWorker): number =>
  worker.capabilities.vllm ? worker.hardware.gpus.length : 0;
const fits = (worker: OnlineWorker, needs: Needs): boolean =>
  (needs.vllmGpus === undefined || vllmGpus(worker) >= needs.vllmGpus) &&
  isNamed(worker, needs.worker) &&
  needs.models.every((m) => worker.capabilities.models.includes(m)) &&
  needs.corpora.every((c) => worker.capabilities.corpora.includes(c));
