import { findPreset } from "@/core/presets/run-presets";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { bootstrapClusters, type Interval, type Observation } from "@/core/statistics/bootstrap";
import { computeMean } from "@/core/statistics/summary";
import { LocalServices } from "@/gpu-workers/testing/memory-context";
import { measureSupervised, type SupervisedRow } from "./learning/supervised";
import {
  HeldOutEvaluator,
  round,
  Study,
  toObservations,
  type Result,
  type SeedResults,
} from "./learning/study";
import {
  buildBar,
  describeMachine,
  printBars,
  printTable,
  readResult,
  type BenchResult,
} from "@/bench/report/report";

/**
 * Does the default preset learn, and by which algorithm? Trains GRPO and PPO from scratch on three seeds each and answers
 * every held-out question with naive RAG, document-matched RAG, and the searcher untrained, after the cold start and
 * after reinforcement learning. Every stage is kept under bench/.work/learning/ as it comes: a second start goes on where
 * the first was. `learning grpo` or `learning ppo` makes one algorithm's stages only, without a result; `learning grpo ppo`
 * keeps the stored rows of cold starts alone, and `learning supervised [ROW...]` measures these and keeps the others.
 */
const PRESETS = { grpo: "atlas-smollm2-grpo", ppo: "atlas-smollm2" } as const;
/** What a new user trains with. */
const DEFAULT_PRESET = "atlas-smollm2";
/** Cold starts alone, in place of an algorithm. */
const SUPERVISED = "supervised";
type AlgorithmName = keyof typeof PRESETS;
/**
 * The presets were tuned on seed 0 and on the first held-out questions of the evaluation's sample: neither may speak
 * for them alone.
 */
const SEEDS = [1, 2, 3] as const;
const TUNED_ON = 96;

/** The bars: seconds of training (evaluations not counted) on two cores, and the accuracy aimed for. */
const TRAINING_BAR_SECONDS = 25 * 60;
const ACCURACY_AIM = 0.7;

export async function measureLearning(names: readonly string[]): Promise<BenchResult | void> {
  const known = Object.keys(PRESETS) as AlgorithmName[];
  const supervisedOnly = names[0] === SUPERVISED;
  const unknown = supervisedOnly
    ? undefined
    : names.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined)
    throw new Error(
      `There is no algorithm "${unknown}" in this bench: choose from ${[...known, SUPERVISED].join(", ")}.`,
    );
  const services = new LocalServices();
  try {
    const evaluator = await HeldOutEvaluator.open(services, parseConfig("grpo"));
    const result = await readResult("learning");
    const stored = (result["supervised"] ?? { rows: [] }) as { rows: SupervisedRow[] };
    const measureColdStarts = (rows: readonly string[]) =>
      measureSupervised(evaluator, parseConfig("ppo"), SEEDS, rows, stored.rows);
    if (supervisedOnly) return { ...result, supervised: await measureColdStarts(names.slice(1)) };
    const studies: Study[] = [];
    const results: { study: Study; seeds: SeedResults[] }[] = [];
    for (const algorithm of known.filter((name) => names.length === 0 || names.includes(name))) {
      const study = new Study(algorithm, parseConfig(algorithm), evaluator);
      const seeds = [];
      for (const seed of SEEDS) seeds.push(await study.run(seed, studies));
      studies.push(study);
      results.push({ study, seeds });
    }
    // The algorithms may be trained beside each other; what both share is answered once.
    if (results.length < known.length) return;
    const rag = await evaluator.naiveRag();
    const untrained = await evaluator.untrained();
    const reports = results.map(({ study, seeds }) => ({
      algorithm: study.algorithm,
      ...summarise(study.config, evaluator.first(TUNED_ON), rag, untrained, seeds),
    }));
    const better = reports.reduce((best, report) =>
      report.accuracy.trained.mean > best.accuracy.trained.mean ? report : best,
    );
    print(reports, rag, untrained, better.bars);
    return {
      bench: "learning",
      at: new Date().toISOString(),
      machine: describeMachine(),
      heldOutQuestions: rag.length,
      interval: "95%, percentile bootstrap over countries, 10,000 samples",
      naiveRag: bootstrapClusters(toObservations(rag)),
      untrained: bootstrapClusters(toObservations(untrained)),
      /** Which algorithm the bars are of: the better one, which is the default preset's. */
      better: better.algorithm,
      supervised: names.length > 0 ? stored : await measureColdStarts([]),
      algorithms: reports.map(({ bars: _bars, ...report }) => report),
      bars: [
        ...better.bars,
        buildBar(
          "the default preset trains by the better algorithm",
          Number(PRESETS[better.algorithm as AlgorithmName] === DEFAULT_PRESET),
          "yes = 1",
          ">=",
          1,
        ),
      ],
    };
  } finally {
    await services.close();
  }
}

const parseConfig = (algorithm: AlgorithmName): TrainConfig =>
  trainConfigSchema.parse({ ...findPreset(PRESETS[algorithm])!.config, seed: 0 });

/** One algorithm's accuracies and paired gains with intervals clustered by country, and which bars are met. Pure. */
function summarise(
  config: TrainConfig,
  tuned: ReadonlySet<string>,
  rag: Result[],
  untrained: Result[],
  seeds: SeedResults[],
) {
  const pooled = (pick: (seed: SeedResults) => Observation[]) =>
    bootstrapClusters(seeds.flatMap(pick));
  const perSeed = seeds.map((results) => ({
    seed: results.seed,
    coldStart: bootstrapClusters(toObservations(results.coldStart)),
    trained: bootstrapClusters(toObservations(results.trained)),
    documentMatchedRag: bootstrapClusters(toObservations(results.matched)),
    documents: round(computeMean(results.trained.map(({ documents }) => documents))!),
    gainOverNaiveRag: bootstrapClusters(subtractResults(results.trained, rag)),
    gainOverColdStart: bootstrapClusters(subtractResults(results.trained, results.coldStart)),
    gainOverDocumentMatchedRag: bootstrapClusters(
      subtractResults(results.trained, results.matched),
    ),
    training: results.training,
  }));
  const gains = {
    overNaiveRag: pooled(({ trained }) => subtractResults(trained, rag)),
    overColdStart: pooled(({ trained, coldStart }) => subtractResults(trained, coldStart)),
    overUntrained: pooled(({ trained }) => subtractResults(trained, untrained)),
    overDocumentMatchedRag: pooled(({ trained, matched }) => subtractResults(trained, matched)),
  };
  const trained = pooled((seed) => toObservations(seed.trained));
  const untouched = ({ id }: Result): boolean => !tuned.has(id);
  return {
    config,
    /** The same on the questions that the preset's tuning never saw. */
    untouched: {
      questions: rag.length - tuned.size,
      naiveRag: bootstrapClusters(toObservations(rag.filter(untouched))),
      coldStart: pooled((seed) => toObservations(seed.coldStart.filter(untouched))),
      trained: pooled((seed) => toObservations(seed.trained.filter(untouched))),
    },
    accuracy: {
      documentMatchedRag: pooled((seed) => toObservations(seed.matched)),
      coldStart: pooled((seed) => toObservations(seed.coldStart)),
      trained,
    },
    gains,
    seeds: perSeed,
    bars: [
      buildBar(
        "longest training of a seed",
        Math.max(...perSeed.map(({ training }) => training.totalSeconds)),
        "s",
        "<=",
        TRAINING_BAR_SECONDS,
      ),
      buildBar(
        "pooled gain over naive RAG, lower end of the interval",
        gains.overNaiveRag.low,
        "accuracy",
        ">",
        0,
      ),
      buildBar(
        "pooled gain over the cold start, lower end of the interval",
        gains.overColdStart.low,
        "accuracy",
        ">",
        0,
      ),
      buildBar(
        "least gain over naive RAG on a seed",
        Math.min(...perSeed.map((seed) => seed.gainOverNaiveRag.mean)),
        "accuracy",
        ">",
        0,
      ),
      buildBar(
        "least gain over the cold start on a seed",
        Math.min(...perSeed.map((seed) => seed.gainOverColdStart.mean)),
        "accuracy",
        ">",
        0,
      ),
      buildBar("held-out accuracy after training", trained.mean, "accuracy", ">=", ACCURACY_AIM),
    ],
  };
}

type Report = ReturnType<typeof summarise> & { algorithm: string };

/** Differences question by question. */
function subtractResults(results: readonly Result[], others: readonly Result[]): Observation[] {
  const other = new Map(others.map(({ id, value }) => [id, value]));
  return results.map(({ id, value, group }) => ({ value: value - other.get(id)!, cluster: group }));
}

function print(
  reports: readonly Report[],
  rag: Result[],
  untrained: Result[],
  bars: Report["bars"],
): void {
  const row = (name: string, { mean: m, low, high }: Interval): string[] => [
    name,
    m.toFixed(3),
    `${low.toFixed(3)} to ${high.toFixed(3)}`,
  ];
  const rows = (pick: (report: Report) => Record<string, Interval>): string[][] =>
    reports.flatMap((report) =>
      Object.entries(pick(report)).map(([name, interval]) =>
        row(`${report.algorithm}: ${name}`, interval),
      ),
    );
  printTable([
    ["held-out accuracy", "mean", "95% interval"],
    row("naive RAG", bootstrapClusters(toObservations(rag))),
    row("untrained", bootstrapClusters(toObservations(untrained))),
    ...rows(({ accuracy }) => accuracy),
  ]);
  printTable([
    ["gain of the trained searcher", "mean", "95% interval"],
    ...rows(({ gains }) => gains),
  ]);
  printTable([
    ["questions untouched by tuning", "mean", "95% interval"],
    ...rows(({ untouched: { questions: _questions, ...untouched } }) => untouched),
  ]);
  printTable([
    ["algorithm", "seed", "training, s", "a step, s", "engine's peak, MB"],
    ...reports.flatMap(({ algorithm, seeds }) =>
      seeds.map(({ seed, training }) => [
        algorithm,
        seed,
        training.totalSeconds,
        training.secondsPerStep,
        Math.round(training.peakMemoryMb),
      ]),
    ),
  ]);
  printBars(bars);
}
