import type { QuestionChoice } from "@/contracts/run-config/question-choice";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { computeMedian } from "@/core/statistics/summary";

/** How much a run has to do, and which other runs take as long for the same amount. */
export interface Work {
  /** A part of the configuration: runs that have the same take about the same time a unit. */
  like: Readonly<Record<string, unknown>>;
  /** Units of work; null where the whole question set counts. */
  size: number | null;
  unit: "episodes" | "questions" | "corpora";
}

/** What a run has to do; null for one that has no end (serve). Models, retriever, method and turns decide the time a unit. */
export function describeWork(config: RunConfig): Work | null {
  switch (config.kind) {
    case "train": {
      const { searcher, generator, retriever, search, rl, data } = config;
      return {
        like: {
          ...(config.method && { method: config.method }),
          searcher: { model: searcher.model, tuning: searcher.tuning },
          generator: { model: generator.model },
          retriever: { kind: retriever.kind },
          search: { turns: search.turns, retrieve: search.retrieve },
          rl: { algorithm: rl.algorithm },
          data: { corpus: data.corpus },
        },
        // Supervised training makes no episodes.
        ...(config.method === "sft"
          ? { size: config.coldStart.demonstrations, unit: "questions" }
          : { size: rl.steps * rl.questionsPerStep * rl.groupSize, unit: "episodes" }),
      };
    }
    case "predict":
      return {
        like: {
          method: config.method,
          searcher: { model: config.searcher.model },
          generator: { model: config.generator.model },
          retriever: { kind: config.retriever.kind },
          corpus: config.corpus,
          questions: config.questions,
          ...buildChoiceKey(config),
        },
        size: typeof config.sampleSeed === "number" ? null : config.limit,
        unit: "questions",
      };
    case "evaluate":
      return {
        like: {
          corpus: config.corpus,
          questions: config.questions,
          retriever: { kind: config.retriever.kind },
        },
        size: null,
        unit: "questions",
      };
    case "index":
      return {
        like: { corpus: config.corpus, retriever: config.retriever },
        size: 1,
        unit: "corpora",
      };
    case "serve":
    case "command":
    case "external":
      return null;
  }
}

/** A sample takes as long as the same sample; what a filter leaves of a set, as what it left before. */
const buildChoiceKey = ({
  limit,
  sampleSeed,
  skipYesNo,
}: QuestionChoice): Record<string, unknown> => ({
  ...(typeof sampleSeed === "number" && { limit, sampleSeed }),
  ...(skipYesNo && { skipYesNo }),
});

/** Whether two runs are alike in all that decides their time, also in what only one of them names. */
export const isSameWork = (a: Work, b: Work): boolean =>
  JSON.stringify(a.like) === JSON.stringify(b.like);

/**
 * The size of a run, where the question set that it asks has so many questions: a limit beyond its end asks them all.
 *
 * @param questions null: not known, or the run asks no set
 * @returns null where the run asks all and it is not known how many that are, or a filter leaves some out
 */
export function countAsked(
  config: RunConfig,
  size: number | null,
  questions: number | null,
): number | null {
  if (size !== null) return questions === null ? size : Math.min(size, questions);
  const isWhole = config.kind === "predict" && config.limit === null && !config.skipYesNo;
  return isWhole ? questions : null;
}

/**
 * Seconds that a run will take by runs like it.
 *
 * @param past seconds and size of each; size null where it did the whole question set
 * @returns null where no past run can be scaled to this size
 */
export function projectSeconds(
  size: number | null,
  past: readonly { seconds: number; size: number | null }[],
): { seconds: number; low: number; high: number; runs: number } | null {
  const scaled = past
    .flatMap((run) => {
      if (size === run.size) return [run.seconds];
      return size === null || run.size === null || run.size === 0
        ? []
        : [(run.seconds * size) / run.size];
    })
    .toSorted((a, b) => a - b);
  const low = scaled[0];
  const high = scaled.at(-1);
  if (low === undefined || high === undefined) return null;
  const seconds = computeMedian(scaled);
  return { seconds, low, high, runs: scaled.length };
}
