import { createHash } from "node:crypto";
import { appendFile, mkdir, readdir, readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@/contracts/paths";
import { presetById } from "@/contracts/presets";
import { trainConfig, type TrainConfig } from "@/contracts/run-config";
import { clusterBootstrap, type Interval, type Observation } from "@/contracts/statistics";
import type { MetricPoint } from "@/contracts/metrics";
import type { ReportItem, Question } from "@/contracts/worker-protocol";
import type { AnswerStore, Generator } from "@/gpu-workers/generation/generator";
import type { EngineClient } from "@/gpu-workers/engine/client";
import type { Method } from "@/gpu-workers/methods/method";
import { ragMethod } from "@/gpu-workers/methods/rag";
import { s3Method } from "@/gpu-workers/methods/s3";
import { AnswerScorer } from "@/gpu-workers/scoring/answer-scorer";
import { Assessor } from "@/gpu-workers/s3/assess";
import { DocumentBook } from "@/gpu-workers/s3/documents";
import { heldOutSample } from "@/gpu-workers/s3/evaluation";
import { openGenerator, openPolicy, searcherOf } from "@/gpu-workers/s3/models";
import { train } from "@/gpu-workers/s3/train";
import { TRAINER_FILE } from "@/gpu-workers/s3/trainer-state";
import { atlasQuestions, LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import type { ServiceHandle } from "@/gpu-workers/run-context";
import { bar, machine, printBars, printTable, type BenchResult } from "./lib";

/**
 * Does the default preset learn? Trains it from scratch on three seeds and answers every held-out question with naive
 * RAG, document-matched RAG, and the searcher untrained, after the cold start and after reinforcement learning.
 * Every stage is kept under bench/.work/learning/ as it comes: a second start goes on where the first was.
 */
const PRESET = "atlas-smollm2";
/** The preset was tuned on seed 0 and on the first held-out questions of the evaluation's sample: neither may speak for it alone. */
const SEEDS = [1, 2, 3] as const;
const TUNED_ON = 96;
const BATCH = 24;

/** The bars: seconds of training (evaluations not counted) on two cores, and the accuracy aimed for. */
const TRAINING_BAR_SECONDS = 25 * 60;
const ACCURACY_AIM = 0.7;

/** When a seed's training began; kept among its metrics. */
const STARTED = "bench/started";

/** One held-out question as one method answered it. */
interface Result {
  id: string;
  group: string;
  value: number;
  documents: number;
}

export async function learning(): Promise<BenchResult> {
  const config = trainConfig.parse({ ...presetById(PRESET)!.config, seed: 0 });
  const folder = join(ROOT, "bench", ".work", "learning", createHash("sha256").update(JSON.stringify(config)).digest("hex").slice(0, 12));
  await mkdir(folder, { recursive: true });
  const services = new LocalServices();
  try {
    const bench = await Bench.open(services, config, folder);
    for (const seed of SEEDS) await bench.train(seed);
    const rag = await bench.answer("naive-rag", (documents) => bench.rag(documents, () => config.generator.ragDocuments));
    const untrained = await bench.answer("untrained", (documents) => bench.searcher(documents, 0, null));
    const seeds = [];
    for (const seed of SEEDS) {
      const coldStart = await bench.answer(`seed-${seed}-cold-start`, (documents) => bench.searcher(documents, seed, 0));
      const trained = await bench.answer(`seed-${seed}-trained`, (documents) => bench.searcher(documents, seed, config.rl.steps));
      const counts = new Map(trained.map(({ id, documents }) => [id, documents]));
      const matched = await bench.answer(`seed-${seed}-matched-rag`, (documents) => bench.rag(documents, (id) => counts.get(id)!));
      seeds.push({ seed, coldStart, trained, matched, training: await bench.training(seed) });
    }
    const report = summarise(config, bench.tunedOn(), rag, untrained, seeds);
    print(report);
    return report;
  } finally {
    await services.close();
  }
}

/** What is open while the bench runs, and the files it keeps. */
class Bench {
  /** The engine that holds the models of the pass under way. */
  private held: ServiceHandle<EngineClient> | null = null;

  private constructor(
    private readonly services: LocalServices,
    private readonly config: TrainConfig,
    private readonly folder: string,
    private readonly questions: Question[],
    private readonly generator: Generator,
  ) {}

  static async open(services: LocalServices, config: TrainConfig, folder: string): Promise<Bench> {
    const { value: engine } = await services.engine();
    const store: AnswerStore = { findAnswers: async () => new Map(), saveAnswers: async () => undefined };
    const heldOut = await atlasQuestions(config.data.heldOutQuestions);
    const generator = await openGenerator(engine, config.generator, store, signal);
    return new Bench(services, config, folder, heldOutSample(heldOut, heldOut.length), generator);
  }

  /** The held-out questions that the preset was tuned on. */
  tunedOn(): ReadonlySet<string> {
    return new Set(this.questions.slice(0, TUNED_ON).map(({ id }) => id));
  }

  private seedFolder(seed: number): string {
    return join(this.folder, `seed-${seed}`);
  }

  /** Trains one seed to its end, from the last checkpoint there is. */
  async train(seed: number): Promise<void> {
    const folder = this.seedFolder(seed);
    await mkdir(folder, { recursive: true });
    const config: TrainConfig = { ...this.config, seed, evaluation: { every: 0, questions: 0 } };
    const last = await lastStep(folder);
    if (last === config.rl.steps) return;
    say(`seed ${seed}: training${last === null ? "" : `, going on after step ${last}`}`);
    const reports = join(folder, "metrics.jsonl");
    let points: MetricPoint[] = last === null ? [{ name: STARTED, step: 0, value: 0, at: Date.now() }] : [];
    // Metrics are kept with the checkpoint they led to: what is trained again is reported again.
    const keep = async (): Promise<void> => {
      const lines = points.map((point) => JSON.stringify(point) + "\n").join("");
      points = [];
      await appendFile(reports, lines);
    };
    const context = new MemoryContext({
      config,
      services: this.services,
      workDir: folder,
      resume: last === null ? null : { artifactId: `${last}`, step: last, directory: join(folder, `checkpoint-${last}`) },
      onCheckpoint: keep,
      onReport: (item: ReportItem) => {
        if (item.kind !== "metrics") return;
        points.push(...item.points);
        for (const { name, step, value } of item.points) if (name === "reward/generation_accuracy" || name === "cold-start/loss" || name === "timing_s/step") say(`seed ${seed}: ${name} ${step}: ${value.toFixed(2)}`);
      },
    });
    await train(context);
    await keep();
  }

  /** Seconds per phase and memory of a seed's training. */
  async training(seed: number) {
    const lines = (await readFile(join(this.seedFolder(seed), "metrics.jsonl"), "utf8")).trim().split("\n");
    const points = lines.map((line) => JSON.parse(line) as MetricPoint);
    const sum = (name: string): number => points.filter((p) => p.name === name).reduce((total, p) => total + p.value, 0);
    const phases = ["pool", "rollout", "retrieve", "generator", "gradient", "other"].map((phase) => [phase, round(sum(`timing_s/${phase}`))] as const);
    const steps = points.filter((p) => p.name === "timing_s/step").length;
    const startedAt = points.find((p) => p.name === STARTED)!.at;
    const coldStart = (Math.max(...points.filter((p) => p.name === "cold-start/loss").map((p) => p.at)) - startedAt) / 1000;
    return {
      /** From the start of the run, so that loading the models is in it. */
      coldStartSeconds: round(coldStart),
      steps,
      secondsPerStep: round(sum("timing_s/step") / steps),
      secondsPerPhase: Object.fromEntries(phases),
      checkpointSeconds: round(sum("timing_s/checkpoint")),
      totalSeconds: round(coldStart + sum("timing_s/step") + sum("timing_s/checkpoint")),
      peakMemoryMb: Math.max(...points.filter((p) => p.name === "memory/engine_peak_mb").map((p) => p.value)),
      trainingAccuracy: points.filter((p) => p.name === "reward/generation_accuracy").map((p) => round(p.value)),
    };
  }

  /** Answers all held-out questions with a method; results are appended batch by batch. */
  async answer(name: string, open: (documents: DocumentBook) => Promise<Method>): Promise<Result[]> {
    const path = join(this.folder, `${name}.jsonl`);
    const results = existsSync(path) ? (await readFile(path, "utf8")).split("\n").filter(Boolean).map((line) => JSON.parse(line) as Result) : [];
    const done = new Set(results.map(({ id }) => id));
    const left = this.questions.filter(({ id }) => !done.has(id));
    if (left.length === 0) return results;
    const documents = new DocumentBook();
    const assessor = new Assessor(this.generator, documents, new AnswerScorer(this.config.reward.scorer, null));
    const method = await open(documents);
    for (let start = 0; start < left.length; start += BATCH) {
      const batch = left.slice(start, start + BATCH);
      const episodes = await method.run(batch, signal);
      const outcomes = await assessor.assess(episodes, batch, signal);
      const fresh = batch.map((question, i): Result => ({ id: question.id, group: question.group ?? question.id, value: outcomes[i]!.score.value, documents: episodes[i]!.context.length }));
      await appendFile(path, fresh.map((result) => JSON.stringify(result) + "\n").join(""));
      results.push(...fresh);
      say(`${name}: ${results.length} of ${this.questions.length}, accuracy ${mean(results.map(({ value }) => value)).toFixed(3)}`);
    }
    this.held?.release();
    this.held = null;
    return results;
  }

  async rag(documents: DocumentBook, countOf: (id: string) => number): Promise<Method> {
    const { value: retriever } = await this.services.retriever(this.config.data.corpus, this.config.retriever, signal);
    return ragMethod(retriever, documents, countOf);
  }

  /** The searcher of a seed after a step; null: untrained. */
  async searcher(documents: DocumentBook, seed: number, step: number | null): Promise<Method> {
    this.held = await this.services.engine();
    const { value: engine } = this.held;
    const { value: retriever } = await this.services.retriever(this.config.data.corpus, this.config.retriever, signal);
    const policy = await openPolicy(engine, this.config.searcher, seed, signal);
    if (step !== null) await policy.model.loadState(join(this.seedFolder(seed), `checkpoint-${step}`), { signal });
    return s3Method(await searcherOf(policy, signal), { retriever, documents, settings: this.config.search }, seed);
  }
}

interface SeedResults {
  seed: number;
  coldStart: Result[];
  trained: Result[];
  matched: Result[];
  training: Awaited<ReturnType<Bench["training"]>>;
}

/** Accuracies and paired gains with intervals clustered by country, and which bars are met. Pure. */
function summarise(config: TrainConfig, tuned: ReadonlySet<string>, rag: Result[], untrained: Result[], seeds: SeedResults[]) {
  const pooled = (pick: (seed: SeedResults) => Observation[]) => clusterBootstrap(seeds.flatMap(pick));
  const perSeed = seeds.map((results) => ({
    seed: results.seed,
    coldStart: clusterBootstrap(observations(results.coldStart)),
    trained: clusterBootstrap(observations(results.trained)),
    documentMatchedRag: clusterBootstrap(observations(results.matched)),
    documents: round(mean(results.trained.map(({ documents }) => documents))),
    gainOverNaiveRag: clusterBootstrap(differences(results.trained, rag)),
    gainOverColdStart: clusterBootstrap(differences(results.trained, results.coldStart)),
    gainOverDocumentMatchedRag: clusterBootstrap(differences(results.trained, results.matched)),
    training: results.training,
  }));
  const gains = {
    overNaiveRag: pooled(({ trained }) => differences(trained, rag)),
    overColdStart: pooled(({ trained, coldStart }) => differences(trained, coldStart)),
    overUntrained: pooled(({ trained }) => differences(trained, untrained)),
    overDocumentMatchedRag: pooled(({ trained, matched }) => differences(trained, matched)),
  };
  const trained = pooled((seed) => observations(seed.trained));
  const untouched = ({ id }: Result): boolean => !tuned.has(id);
  return {
    bench: "learning",
    at: new Date().toISOString(),
    machine: machine(),
    preset: PRESET,
    config,
    heldOutQuestions: rag.length,
    interval: "95%, percentile bootstrap over countries, 10,000 samples",
    /** The same on the questions that the preset's tuning never saw. */
    untouched: {
      questions: rag.length - tuned.size,
      naiveRag: clusterBootstrap(observations(rag.filter(untouched))),
      coldStart: pooled((seed) => observations(seed.coldStart.filter(untouched))),
      trained: pooled((seed) => observations(seed.trained.filter(untouched))),
    },
    accuracy: {
      naiveRag: clusterBootstrap(observations(rag)),
      documentMatchedRag: pooled((seed) => observations(seed.matched)),
      untrained: clusterBootstrap(observations(untrained)),
      coldStart: pooled((seed) => observations(seed.coldStart)),
      trained,
    },
    gains,
    seeds: perSeed,
    bars: [
      bar("longest training of a seed", Math.max(...perSeed.map(({ training }) => training.totalSeconds)), "s", "<=", TRAINING_BAR_SECONDS),
      bar("pooled gain over naive RAG, lower end of the interval", gains.overNaiveRag.low, "accuracy", ">", 0),
      bar("pooled gain over the cold start, lower end of the interval", gains.overColdStart.low, "accuracy", ">", 0),
      bar("least gain over naive RAG on a seed", Math.min(...perSeed.map((seed) => seed.gainOverNaiveRag.mean)), "accuracy", ">", 0),
      bar("least gain over the cold start on a seed", Math.min(...perSeed.map((seed) => seed.gainOverColdStart.mean)), "accuracy", ">", 0),
      bar("held-out accuracy after training", trained.mean, "accuracy", ">=", ACCURACY_AIM),
    ],
  };
}

const observations = (results: readonly Result[]): Observation[] => results.map(({ value, group }) => ({ value, cluster: group }));

/** Differences question by question. */
function differences(results: readonly Result[], others: readonly Result[]): Observation[] {
  const other = new Map(others.map(({ id, value }) => [id, value]));
  return results.map(({ id, value, group }) => ({ value: value - other.get(id)!, cluster: group }));
}

/** The last step with a whole checkpoint; null where there is none. */
async function lastStep(folder: string): Promise<number | null> {
  const steps = (await readdir(folder)).flatMap((name) => (/^checkpoint-\d+$/.test(name) && existsSync(join(folder, name, TRAINER_FILE)) ? [Number(name.slice("checkpoint-".length))] : []));
  return steps.length === 0 ? null : Math.max(...steps);
}

function print(report: ReturnType<typeof summarise>): void {
  const row = (name: string, { mean: m, low, high }: Interval): string[] => [name, m.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`];
  printTable([["held-out accuracy", "mean", "95% interval"], ...Object.entries(report.accuracy).map(([name, interval]) => row(name, interval))]);
  printTable([["gain of the trained searcher", "mean", "95% interval"], ...Object.entries(report.gains).map(([name, interval]) => row(name, interval))]);
  const { questions, ...untouched } = report.untouched;
  printTable([[`the ${questions} questions untouched by tuning`, "mean", "95% interval"], ...Object.entries(untouched).map(([name, interval]) => row(name, interval))]);
  printTable([["seed", "training, s", "a step, s", "engine's peak, MB"], ...report.seeds.map(({ seed, training }) => [seed, training.totalSeconds, training.secondsPerStep, Math.round(training.peakMemoryMb)])]);
  printBars(report.bars);
}

const startedAt = Date.now();
const say = (message: string): void => console.log(`[${Math.round((Date.now() - startedAt) / 1000)} s] ${message}`);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number): number => Math.round(value * 1000) / 1000;
const { signal } = new AbortController();
