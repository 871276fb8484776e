import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseQuestionSet } from "@/contracts/formats/corpus-lines";
import { listEpisodeDocuments, type Answer, type EpisodeRecord } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { ATLAS_DIR, DATA_DIR } from "@/lib/paths.mjs";
import {
  runConfigSchema,
  type RunConfig,
  type RunConfigInput,
} from "@/contracts/run-config/run-config";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { StoredBaseline, StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type {
  LogLine,
  PreflightItem,
  Progress,
  ReportItem,
} from "@/contracts/worker-protocol/reports";
import { EngineProcess, type EngineOptions } from "@/gpu-workers/llm/engine/process";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { RunContext, ServiceHandle, Services } from "@/gpu-workers/jobs/context/run-context";
import type {
  CommandTracking,
  LocalCheckpoint,
  RunRequests,
} from "@/gpu-workers/runtime/attempt-context";

/** The real services of one process, started once and stopped by `close`. For tests and benches, without an agent. */
export class LocalServices implements Services {
  private process: Promise<EngineProcess> | null = null;
  private readonly retrievers = new Map<string, Promise<Retriever>>();

  /**
   * @param corpora paths of corpora beside the embedded one, by name
   * @param dataDir where their indexes are kept
   * @param engineOptions how the engine is started; float32 by default, as a processor that multiplies bfloat16 would be
   *   given that, whose rounding by batches no test to the last bit survives
   */
  constructor(
    private readonly corpora: Readonly<Record<string, string>> = {},
    private readonly dataDir: string = DATA_DIR,
    private readonly engineOptions: EngineOptions = { dtype: "float32" },
  ) {}

  async acquireEngine(): Promise<ServiceHandle<EngineProcess["client"]>> {
    this.process ??= EngineProcess.start(this.engineOptions);
    const client = (await this.process).client.createSession();
    return { value: client, release: () => void client.deleteModels() };
  }

  async acquireRetriever(
    corpus: string,
    config: RetrieverConfig,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<Retriever>> {
    const path = corpus === "atlas" ? join(ATLAS_DIR, "corpus.jsonl") : this.corpora[corpus];
    if (path === undefined)
      throw new AppError("unsupported", `The corpus ${corpus} is not at hand here.`);
    const key = JSON.stringify([corpus, config]);
    if (!this.retrievers.has(key)) {
      const dataDir = corpus === "atlas" ? DATA_DIR : this.dataDir;
      this.retrievers.set(
        key,
        openRetriever(config, {
          corpusPath: () => path,
          dataDir,
          signal,
          onProgress: ({ detail, done, total }) => onDetail?.(`${detail} ${done}/${total}`),
        }),
      );
    }
    return { value: await this.retrievers.get(key)!, release: () => undefined };
  }

  acquireSampler(): Promise<never> {
    return Promise.reject(new AppError("unsupported", "vLLM is not at hand here."));
  }

  acquireVllm(): Promise<never> {
    return Promise.reject(new AppError("unsupported", "vLLM is not at hand here."));
  }

  async close(): Promise<void> {
    for (const retriever of this.retrievers.values()) await (await retriever).close();
    await (await this.process)?.stop();
  }
}

/** Questions of the embedded sets, "atlas/train" and "atlas/held-out". */
export async function readAtlasQuestions(set: string): Promise<Question[]> {
  const [corpus, name] = set.split("/");
  if (corpus !== "atlas" || !name)
    throw new AppError("not-found", `There is no question set ${set} here.`);
  return parseQuestionSet((await readFile(join(ATLAS_DIR, `${name}.jsonl`), "utf8")).split("\n"));
}

export interface MemoryContextOptions {
  /** What the runs of rl.ragRuns have answered. */
  baselines?: StoredBaseline[];
  config: RunConfigInput;
  services: Services;
  workDir: string;
  signal?: AbortSignal;
  resume?: LocalCheckpoint | null;
  /** By default the embedded sets. */
  questions?: (set: string) => Promise<Question[]>;
  answers?: Map<string, Answer>;
  /** The run whose stored episodes are reused; by default this one. */
  episodesOf?: MemoryContext;
  /** A run whose episodes and verdicts are found by their keys. */
  equalTo?: MemoryContext;
  fetchCheckpoint?: (artifactId: string) => Promise<LocalCheckpoint & { config: RunConfig }>;
  /** Where MLflow's API is, for commands; absent: none are allowed. */
  tracking?: string;
  /** The same for jobs on other machines; absent: none. */
  outsideTracking?: CommandTracking["outside"];
  /** API keys by name. */
  keys?: ReadonlyMap<string, string>;
  onReport?: (item: ReportItem) => void;
  onCheckpoint?: (checkpoint: LocalCheckpoint) => Promise<void>;
  /** How many checkpoints after the first find no room. */
  refusedCheckpoints?: number;
}

/** A run context that keeps everything in memory and checkpoints where they were written. */
export class MemoryContext implements RunContext {
  readonly runId = "00000000-0000-4000-8000-000000000001";
  readonly attempt = 1;
  readonly config: RunConfig;
  readonly requests: RunRequests = { pause: false, steps: null };
  /** It has ended as paused. */
  isPaused = false;
  readonly resume: LocalCheckpoint | null;
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly services: Services;

  readonly reports: ReportItem[] = [];
  readonly progressed: Progress[] = [];
  readonly logged: [LogLine["level"], string][] = [];
  readonly checkpoints: LocalCheckpoint[] = [];
  readonly skippedCheckpoints: { step: number; error: unknown }[] = [];
  readonly answers: Map<string, Answer>;
  preflightItems: PreflightItem[] = [];
  isRunning = false;

  constructor(private readonly options: MemoryContextOptions) {
    this.config = runConfigSchema.parse(options.config);
    this.resume = options.resume ?? null;
    this.workDir = options.workDir;
    this.signal = options.signal ?? new AbortController().signal;
    this.services = options.services;
    this.answers = options.answers ?? new Map<string, Answer>();
  }

  report(item: ReportItem): Promise<void> {
    this.reports.push(item);
    this.options.onReport?.(item);
    return Promise.resolve();
  }
  pause(): void {
    this.isPaused = true;
  }
  async flush(): Promise<void> {}
  reportProgress(progress: Progress): Promise<void> {
    this.progressed.push(progress);
    return Promise.resolve();
  }
  reportPreflight(items: PreflightItem[]): Promise<void> {
    this.preflightItems = items;
    return Promise.resolve();
  }
  log(level: LogLine["level"], message: string): void {
    this.logged.push([level, message]);
  }
  markRunning(): Promise<void> {
    this.isRunning = true;
    return Promise.resolve();
  }
  readQuestions(set: string): Promise<Question[]> {
    return (this.options.questions ?? readAtlasQuestions)(set);
  }
  findAnswers(keys: string[]): Promise<Map<string, Answer>> {
    return Promise.resolve(
      new Map(
        keys.flatMap((key) =>
          this.answers.has(key) ? [[key, this.answers.get(key)!] as const] : [],
        ),
      ),
    );
  }
  saveAnswers(answers: Answer[]): Promise<void> {
    for (const answer of answers) this.answers.set(answer.key, answer);
    return Promise.resolve();
  }
  readAnsweredQuestions(): Promise<Map<string, number>> {
    return Promise.resolve(
      new Map(this.records().map(({ episode }) => [episode.questionId, episode.context.length])),
    );
  }
  readRankedQuestions(): Promise<Map<string, number[]>> {
    return Promise.resolve(new Map<string, number[]>());
  }
  readStoredAccuracy(): Promise<{ scored: number; sum: number }> {
    const scores = this.records().flatMap(({ score }) => (score ? [score.value] : []));
    return Promise.resolve({
      scored: scores.length,
      sum: scores.reduce((sum, value) => sum + value, 0),
    });
  }
  readStoredBaselines(): Promise<StoredBaseline[]> {
    return Promise.resolve(this.options.baselines ?? []);
  }
  readStoredEpisodes(
    _runId: string,
    questionIds: string[],
  ): Promise<WorkerResponse<"storedEpisodes">> {
    const of = this.options.episodesOf ?? this;
    const episodes = of.records().filter(({ episode }) => questionIds.includes(episode.questionId));
    const named = new Set(
      episodes.flatMap(({ episode }) => listEpisodeDocuments(episode).map(({ hash }) => hash)),
    );
    const documents = of.reports
      .flatMap((item) => (item.kind === "episodes" ? item.documents : []))
      .filter(({ hash }) => named.has(hash));
    return Promise.resolve({
      episodes: episodes.map(({ episode, answer }) => ({ episode, answer })),
      documents,
    });
  }
  async findEpisodes(keys: string[]): Promise<WorkerResponse<"findEpisodes">> {
    const of = this.options.equalTo;
    if (!of) return { episodes: [], documents: [] };
    const { episodes, documents } = await of.readStoredEpisodes(
      of.runId,
      of
        .records()
        .filter(({ episode }) => keys.includes(episode.key))
        .map(({ episode }) => episode.questionId),
    );
    return {
      episodes: episodes.map(({ episode, answer }) => ({
        episode: { ...episode, ownAnswer: undefined },
        answer,
      })),
      documents,
    };
  }
  findVerdicts(
    _questions: string,
    scorer: string,
    answers: { key: string; questionId: string }[],
  ): Promise<StoredVerdict[]> {
    const known = this.options.equalTo?.records() ?? [];
    return Promise.resolve(
      answers.flatMap(({ key, questionId }) =>
        known.flatMap(({ episode, answer, score, otherScores = [] }) => {
          const verdict =
            answer?.key === key && episode.questionId === questionId
              ? [score, ...otherScores].find((each) => each?.scorer === scorer)
              : undefined;
          return verdict ? [{ key, text: answer!.text, questionId, value: verdict.value }] : [];
        }),
      ),
    );
  }
  readEndpointKey(name: string): Promise<string> {
    const key = this.options.keys?.get(name);
    if (key === undefined)
      return Promise.reject(new AppError("not-found", `There is no key ${name} here.`));
    return Promise.resolve(key);
  }
  get allowsCommands(): boolean {
    return this.options.tracking !== undefined;
  }
  openTracking(isJob: boolean): Promise<CommandTracking> {
    const { tracking: address, outsideTracking = null } = this.options;
    if (address === undefined) throw new Error("the test gives no address");
    const outside = isJob ? outsideTracking : null;
    return Promise.resolve({ address, outside, close: () => Promise.resolve() });
  }

  async commitCheckpoint(directory: string, step: number): Promise<boolean> {
    const { refusedCheckpoints = 0 } = this.options;
    if (this.checkpoints.length > 0 && this.skippedCheckpoints.length < refusedCheckpoints) {
      this.skipCheckpoint(step, new AppError("storage-full", "There is no room."));
      await rm(directory, { recursive: true });
      return false;
    }
    const checkpoint = { artifactId: `checkpoint-${step}`, step, directory };
    this.checkpoints.push(checkpoint);
    await this.options.onCheckpoint?.(checkpoint);
    return true;
  }
  skipCheckpoint(step: number, error: unknown): void {
    this.skippedCheckpoints.push({ step, error });
  }
  fetchUpload(): Promise<void> {
    return Promise.reject(
      new AppError("unsupported", "There is no server here to fetch an upload from."),
    );
  }
  async reportCorpora(): Promise<void> {}
  async fetchCheckpoint(artifactId: string): Promise<LocalCheckpoint & { config: RunConfig }> {
    if (!this.options.fetchCheckpoint)
      throw new AppError("not-found", `There is no checkpoint ${artifactId} here.`);
    return this.options.fetchCheckpoint(artifactId);
  }

  /** All records reported so far; of episodes that another run has stored, with those. */
  records(): EpisodeRecord[] {
    const stored = new Map(
      this.options.episodesOf?.records().map((record) => [record.episode.questionId, record]),
    );
    return this.reports.flatMap((item) => {
      if (item.kind === "episodes") return item.records;
      if (item.kind !== "reanswered") return [];
      return item.records.map(({ questionId, ...made }) => ({
        ...stored.get(questionId)!,
        ...made,
        baseline: null,
      }));
    });
  }
  /** All points of a metric, in order. */
  points(name: string): MetricPoint[] {
    return this.reports.flatMap((item) =>
      item.kind === "metrics" ? item.points.filter((point) => point.name === name) : [],
    );
  }
}
