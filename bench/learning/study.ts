import { createHash } from "node:crypto";
import { appendFile, copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";
import type { Observation } from "@/core/statistics/bootstrap";
import { computeMean } from "@/core/statistics/summary";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { MetricPoint } from "@/contracts/records/metric-point";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import type { AnswerStore, Generator } from "@/gpu-workers/llm/generator/generator";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { Method } from "@/gpu-workers/searcher/method";
import { createRagMethod } from "@/gpu-workers/methods/rag";
import { createS3Method } from "@/gpu-workers/methods/s3";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { pickHeldOutQuestions } from "@/gpu-workers/rl/held-out-evaluation";
import { openGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { openPolicy, getSearcher } from "@/gpu-workers/rl/policy";
import { train } from "@/gpu-workers/jobs/train/train";
import { readTrainerState, TRAINER_FILE } from "@/gpu-workers/rl/trainer-state";
import {
  readAtlasQuestions,
  MemoryContext,
  type LocalServices,
} from "@/gpu-workers/testing/memory-context";
import type { ServiceHandle } from "@/gpu-workers/jobs/context/run-context";
import { chunk } from "@/lib/chunk";

const BATCH = 64;
/** When a seed's training began; kept among its metrics. */
const STARTED = "bench/started";

/** One held-out question as one method answered it. */
export interface Result {
  id: string;
  group: string;
  value: number;
  documents: number;
}

/** What one seed's run of one algorithm gave. */
export interface SeedResults {
  seed: number;
  coldStart: Result[];
  trained: Result[];
  matched: Result[];
  training: Awaited<ReturnType<Study["training"]>>;
}

/** For intervals clustered by country. */
export const toObservations = (results: readonly Result[]): Observation[] =>
  results.map(({ value, group }) => ({ value, cluster: group }));

/** Keeps what it makes in a folder named after everything that it is made from. */
const getWorkFolder = (name: string, inputs: unknown): string =>
  join(
    ROOT,
    "bench",
    ".work",
    "learning",
    `${name}-${createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 12)}`,
  );

/** Answers all held-out questions with a method, and keeps the results batch by batch. */
export class HeldOutEvaluator {
  /** The engine that holds the models of the pass under way. */
  private held: ServiceHandle<EngineClient> | null = null;

  private constructor(
    readonly services: LocalServices,
    private readonly config: TrainConfig,
    private readonly folder: string,
    private readonly questions: Question[],
    private readonly generator: Generator,
  ) {}

  /** For configurations that search, answer and score as this one does. */
  static async open(services: LocalServices, config: TrainConfig): Promise<HeldOutEvaluator> {
    const { data, retriever, search, searcher, generator: frozen, reward } = config;
    const folder = getWorkFolder("answers", {
      data,
      retriever,
      search,
      searcher,
      frozen,
      scorer: reward.scorer,
    });
    await mkdir(folder, { recursive: true });
    const { value: engine } = await services.acquireEngine();
    const store: AnswerStore = {
      findAnswers: () => Promise.resolve(new Map()),
      saveAnswers: () => Promise.resolve(),
    };
    const heldOut = await readAtlasQuestions(data.heldOutQuestions);
    const generator = await openGenerator(engine, frozen, store, signal);
    return new HeldOutEvaluator(
      services,
      config,
      folder,
      pickHeldOutQuestions(heldOut, heldOut.length),
      generator,
    );
  }

  /** The first `count` held-out questions of an evaluation's sample. */
  first(count: number): ReadonlySet<string> {
    return new Set(this.questions.slice(0, count).map(({ id }) => id));
  }

  naiveRag(): Promise<Result[]> {
    return this.answer(join(this.folder, "naive-rag.jsonl"), (documents) =>
      this.rag(documents, () => this.config.generator.ragDocuments),
    );
  }

  /** RAG with as many documents for each question as these results were given. */
  matchedRag(path: string, results: readonly Result[]): Promise<Result[]> {
    const counts = new Map(results.map(({ id, documents }) => [id, documents]));
    return this.answer(path, (documents) => this.rag(documents, (id) => counts.get(id)!));
  }

  untrained(): Promise<Result[]> {
    return this.searcher(join(this.folder, "untrained.jsonl"), 0, null);
  }

  /** The searcher from a checkpoint's folder; null: untrained. */
  searcher(path: string, seed: number, checkpoint: string | null): Promise<Result[]> {
    return this.answer(path, async (documents) => {
      this.held = await this.services.acquireEngine();
      const { value: retriever } = await this.services.acquireRetriever(
        this.config.data.corpus,
        this.config.retriever,
        signal,
      );
      const policy = await openPolicy(this.held.value, this.config.searcher, seed, signal);
      if (checkpoint !== null) await policy.model.loadState(checkpoint, { signal });
      return createS3Method(
        await getSearcher(policy, signal),
        { retriever, documents, settings: this.config.search },
        seed,
      );
    });
  }

  private async rag(
    documents: DocumentStore,
    countDocuments: (id: string) => number,
  ): Promise<Method> {
    const { value: retriever } = await this.services.acquireRetriever(
      this.config.data.corpus,
      this.config.retriever,
      signal,
    );
    return createRagMethod(retriever, documents, countDocuments);
  }

  private async answer(
    path: string,
    open: (documents: DocumentStore) => Promise<Method>,
  ): Promise<Result[]> {
    const results = existsSync(path)
      ? (await readFile(path, "utf8"))
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Result)
      : [];
    const done = new Set(results.map(({ id }) => id));
    const left = this.questions.filter(({ id }) => !done.has(id));
    if (left.length === 0) return results;
    const documents = new DocumentStore();
    const assessor = new EpisodeGrader(
      this.generator,
      documents,
      new AnswerScorer(this.config.reward.scorer, null),
    );
    const method = await open(documents);
    for (const batch of chunk(left, BATCH)) {
      const episodes = await method.run(batch, signal);
      const outcomes = await assessor.grade(episodes, batch, signal);
      const fresh = batch.map((question, i): Result => ({
        id: question.id,
        group: question.group ?? question.id,
        value: outcomes[i]!.score.value,
        documents: episodes[i]!.context.length,
      }));
      await appendFile(path, fresh.map((result) => JSON.stringify(result) + "\n").join(""));
      results.push(...fresh);
      say(
        `${path.split("/").slice(-2).join("/")}: ${results.length} of ${this.questions.length}, accuracy ${computeMean(results.map(({ value }) => value))!.toFixed(3)}`,
      );
    }
    this.held?.release();
    this.held = null;
    return results;
  }
}

/** One algorithm on several seeds. */
export class Study {
  private readonly folder: string;

  constructor(
    readonly algorithm: string,
    readonly config: TrainConfig,
    private readonly evaluator: HeldOutEvaluator,
  ) {
    this.folder = getWorkFolder(algorithm, config);
  }

  private seedFolder(seed: number): string {
    return join(this.folder, `seed-${seed}`);
  }

  checkpoint(seed: number, step: number): string {
    return join(this.seedFolder(seed), `checkpoint-${step}`);
  }

  /**
   * Trains a seed and answers the held-out questions. A cold start that another study has examined already is not
   * examined again.
   */
  async run(seed: number, others: readonly Study[]): Promise<SeedResults> {
    await this.train(seed);
    const path = (name: string): string => join(this.seedFolder(seed), `${name}.jsonl`);
    for (const other of others) await this.adoptColdStart(seed, other);
    const coldStart = await this.evaluator.searcher(
      path("cold-start"),
      seed,
      this.checkpoint(seed, 0),
    );
    const trained = await this.evaluator.searcher(
      path("trained"),
      seed,
      this.checkpoint(seed, this.config.rl.steps),
    );
    const matched = await this.evaluator.matchedRag(path("matched-rag"), trained);
    return { seed, coldStart, trained, matched, training: await this.training(seed) };
  }

  /** Trains a seed's cold start and answers the held-out questions with its weights. */
  async runColdStart(seed: number): Promise<Result[]> {
    await this.train(seed);
    const path = join(this.seedFolder(seed), "cold-start.jsonl");
    return this.evaluator.searcher(path, seed, this.checkpoint(seed, 0));
  }

  /** Equal weights give equal answers. */
  private async adoptColdStart(seed: number, other: Study): Promise<void> {
    const [from, to] = [other, this].map((study) =>
      join(study.seedFolder(seed), "cold-start.jsonl"),
    ) as [string, string];
    if (existsSync(to) || !existsSync(from)) return;
    const [theirs, own] = await Promise.all(
      [other, this].map((study) => readTrainerState(study.checkpoint(seed, 0))),
    );
    if (theirs!.weightsHash === own!.weightsHash) await copyFile(from, to);
  }

  /** Trains one seed to its end, from the last checkpoint there is. */
  private async train(seed: number): Promise<void> {
    const folder = this.seedFolder(seed);
    await mkdir(folder, { recursive: true });
    const config: TrainConfig = { ...this.config, seed, evaluation: { every: 0, questions: 0 } };
    const last = await findLastStep(folder);
    if (last === config.rl.steps) return;
    const who = `${this.algorithm}, seed ${seed}`;
    say(`${who}: training${last === null ? "" : `, going on after step ${last}`}`);
    const reports = join(folder, "metrics.jsonl");
    let points: MetricPoint[] =
      last === null ? [{ name: STARTED, step: 0, value: 0, at: Date.now() }] : [];
    // Metrics are kept with the checkpoint they led to: what is trained again is reported again.
    const keep = async (): Promise<void> => {
      const lines = points.map((point) => JSON.stringify(point) + "\n").join("");
      points = [];
      await appendFile(reports, lines);
    };
    const context = new MemoryContext({
      config,
      services: this.evaluator.services,
      workDir: folder,
      resume:
        last === null
          ? null
          : { artifactId: `${last}`, step: last, directory: join(folder, `checkpoint-${last}`) },
      onCheckpoint: keep,
      onReport: (item: ReportItem) => {
        if (item.kind !== "metrics") return;
        points.push(...item.points);
        for (const { name, step, value } of item.points)
          if (
            name === "reward/generation_accuracy" ||
            name === "cold-start/loss" ||
            name === "timing_s/step"
          )
            say(`${who}: ${name} ${step}: ${value.toFixed(2)}`);
      },
    });
    await train(context);
    await keep();
  }

  /** Seconds per phase and memory of a seed's training. */
  async training(seed: number) {
    const lines = (await readFile(join(this.seedFolder(seed), "metrics.jsonl"), "utf8"))
      .trim()
      .split("\n");
    const points = lines.map((line) => JSON.parse(line) as MetricPoint);
    const sum = (name: string): number =>
      points.filter((p) => p.name === name).reduce((total, p) => total + p.value, 0);
    const phases = [
      ...new Set(
        points.flatMap(({ name }) =>
          name.startsWith("timing_s/") && !NO_PHASE.has(name) ? [name] : [],
        ),
      ),
    ];
    const steps = points.filter((p) => p.name === "timing_s/step").length;
    const startedAt = points.find((p) => p.name === STARTED)!.at;
    const coldStart =
      (Math.max(...points.filter((p) => p.name === "cold-start/loss").map((p) => p.at)) -
        startedAt) /
      1000;
    return {
      /** From the start of the run, so that loading the models is in it. */
      coldStartSeconds: round(coldStart),
      steps,
      secondsPerStep: round(sum("timing_s/step") / steps),
      secondsPerPhase: Object.fromEntries(
        phases.map((name) => [name.slice("timing_s/".length), round(sum(name))]),
      ),
      checkpointSeconds: round(sum("timing_s/save_checkpoint")),
      totalSeconds: round(coldStart + sum("timing_s/step") + sum("timing_s/save_checkpoint")),
      peakMemoryMb: Math.max(
        ...points.filter((p) => p.name === "memory/engine_peak_mb").map((p) => p.value),
      ),
      trainingAccuracy: points
        .filter((p) => p.name === "reward/generation_accuracy")
        .map((p) => round(p.value)),
    };
  }
}

/** What is no phase of a step. */
const NO_PHASE = new Set(["timing_s/step", "timing_s/testing", "timing_s/save_checkpoint"]);

/** The last step with a whole checkpoint; null where there is none. */
async function findLastStep(folder: string): Promise<number | null> {
  const steps = (await readdir(folder)).flatMap((name) =>
    /^checkpoint-\d+$/.test(name) && existsSync(join(folder, name, TRAINER_FILE))
      ? [Number(name.slice("checkpoint-".length))]
      : [],
  );
  return steps.length === 0 ? null : Math.max(...steps);
}

const startedAt = Date.now();
const say = (message: string): void =>
  console.log(`[${Math.round((Date.now() - startedAt) / 1000)} s] ${message}`);
export const round = (value: number): number => Math.round(value * 1000) / 1000;
const { signal } = new AbortController();
