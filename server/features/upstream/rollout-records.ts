import type { EpisodeRecord } from "@/contracts/records/episode";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import type { RolloutLine, UpstreamFile } from "@/contracts/formats/upstream/files";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { hashJson } from "@/lib/hash";
import type { QuestionLookup } from "./question-lookup";

type RolloutFile = Extract<UpstreamFile, { kind: "rollouts" }>;

/** Gold answers that the rollouts themselves name, by question. */
export function collectGoldAnswers(files: readonly RolloutFile[]): Map<string, string[]> {
  const golden = new Map<string, string[]>();
  for (const { gts } of files.flatMap(({ lines }) => lines)) {
    if (
      gts &&
      typeof gts === "object" &&
      !Array.isArray(gts) &&
      gts.question !== undefined &&
      gts.target
    )
      golden.set(gts.question, gts.target);
  }
  return golden;
}

/** A training run as far as rollouts tell of it; what they do not say has its default. */
export const buildRolloutConfig = (
  request: { name: string | null; corpus: string; generator: string },
  set: string,
): TrainConfig =>
  trainConfigSchema.parse({
    kind: "train",
    name: (request.name ?? "rollouts").slice(0, 120),
    data: { corpus: request.corpus, trainQuestions: set, heldOutQuestions: set },
    search: { protocol: "upstream" },
    generator: { model: request.generator },
    reward: { weights: { gbr: 0, upstream: 1 } },
    evaluation: { questions: 0 },
  });

/** Episodes of training: prompt and text as one step, and the reward. A prompt whose question is not known is counted. */
export function buildRolloutRecords(
  files: readonly RolloutFile[],
  lookup: QuestionLookup,
): {
  records: EpisodeRecord[];
  unmatched: string[];
  /** Rollouts whose score is no number. */
  unscored: string[];
  points: { name: string; step: number; value: number }[];
} {
  const records: EpisodeRecord[] = [];
  const unmatched: string[] = [];
  const unscored: string[] = [];
  const rewards = new Map<number, number[]>();
  const samples = new Map<string, number>();
  for (const file of files) {
    for (const line of file.lines) {
      const step = line.step ?? file.step ?? 0;
      if (line.score !== null) rewards.set(step, [...(rewards.get(step) ?? []), line.score]);
      const question = findQuestion(line, lookup);
      if (!question) {
        unmatched.push(line.input.slice(-200));
        continue;
      }
      if (line.score === null) unscored.push(`${question.question} (step ${step})`);
      const sample = samples.get(`${step} ${question.id}`) ?? 0;
      samples.set(`${step} ${question.id}`, sample + 1);
      records.push({
        phase: "train",
        step,
        episode: {
          key: hashJson(["rollout", step, line.input, line.output, sample]),
          method: "s3",
          protocol: "upstream",
          questionId: question.id,
          sampleIndex: sample,
          steps: [{ kind: "generate", turn: 0, seconds: 0, prompt: line.input, text: line.output }],
          context: [],
        },
        answer: null,
        score: null,
        baseline: null,
        reward:
          line.score === null
            ? null
            : {
                name: "upstream",
                terms: [{ label: "score", weight: 1, value: line.score }],
                value: line.score,
              },
        advantage: null,
        attribution: null,
        formatErrors: [],
      });
    }
  }
  const points = [...rewards]
    .sort(([a], [b]) => a - b)
    .map(([step, values]) => ({
      name: getHeadlineMetric("train"),
      step,
      value: values.reduce((sum, value) => sum + value, 0) / values.length,
    }));
  return { records, unmatched, unscored, points };
}

/** The question that a rollout answers: by its own words, else by its prompt; null where the set has none such. */
function findQuestion({ gts, input }: RolloutLine, lookup: QuestionLookup) {
  const named = gts && typeof gts === "object" && !Array.isArray(gts) ? gts.question : undefined;
  return (named === undefined ? null : lookup.find(named)) ?? lookup.findInPrompt(input);
}
