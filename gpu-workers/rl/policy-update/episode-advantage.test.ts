import fc from "fast-check";
import { expect, it } from "vitest";
import { episodeSchema, type StepOfKind } from "@/contracts/records/episode";
import { ALGORITHM_NAMES, isGrouped } from "@/contracts/run-config/algorithm-names";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { computeMean } from "@/core/statistics/summary";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import type { Group } from "@/gpu-workers/rl/rollout";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import { addTokenAdvantages } from "./episode-advantage";
import { RecordingModel } from "./testing/recording-model";
import { updatePolicy } from "./update-policy";

type Bits = (0 | 1)[];
/** A turn: how much it read, and of what it wrote which tokens the policy chose. */
interface Turn {
  fed: number;
  written: Bits;
}

const buildStep = ({ fed, written }: Turn, turn: number): StepOfKind<"generate"> => {
  const mask: Bits = [...Array.from({ length: fed }, () => 0 as const), ...written];
  const ids = mask.map((_, i) => turn * 7 + i);
  const logprobs = mask.map((m) => -m);
  return { kind: "generate", turn, seconds: 0, text: "", fed, ids, mask, logprobs };
};

const buildSample = (turns: readonly Turn[], reward: number): Group["samples"][number] => ({
  episode: {
    key: "e",
    method: "s3",
    protocol: "paper",
    questionId: "q",
    sampleIndex: 0,
    context: [],
    steps: turns.flatMap((one, turn) => [
      { kind: "retrieve", turn, seconds: 0, query: "", documents: [] },
      buildStep(one, turn),
    ]),
  },
  outcome: {} as Group["samples"][number]["outcome"],
  reward: { name: "gbr", terms: [], value: reward },
});

const buildGroup = (samples: Group["samples"]): Group => ({
  question: { id: "q" } as Group["question"],
  baseline: null,
  samples,
});

/** Updates once. @returns what is told of each sample, and the advantages that the policy's loss was sent for it */
async function update(rl: object, protocol: "paper" | "upstream", groups: readonly Group[]) {
  const parsed = trainConfigSchema.parse({
    kind: "train",
    name: "t",
    search: { decoding: "free" },
    rl: { questionsPerStep: 2, groupSize: 2, ...rl },
  });
  const config = { ...parsed, search: { ...parsed.search, protocol } };
  const [policy, critic] = [new RecordingModel(), new RecordingModel()];
  critic.computeValue = (id, place) => Math.sin(3 * id + place);
  const { advantages } = await updatePolicy(
    {
      policy,
      critic: config.rl.algorithm === "ppo" ? critic : null,
      algorithm: createAlgorithm(config.rl),
      config,
      totalSteps: 3,
      klCoefficient: 0,
      stopwatch: new Stopwatch(),
      signal: new AbortController().signal,
      untilSamplingEnds: () => Promise.resolve(),
    },
    groups,
    2,
  );
  const sent = policy.gradients.flatMap(({ data }) => data.map((datum) => datum.advantages!));
  return { told: advantages.flat(), sent };
}

/** What the engine makes of numbers; without the sign of 0. */
const toFloat32 = (values: readonly number[]): number[] =>
  values.map((value) => Math.fround(value) + 0);

const turn = fc.record({
  fed: fc.integer({ min: 1, max: 4 }),
  written: fc.array(fc.constantFrom<0 | 1>(0, 1), { maxLength: 6 }),
});
const sample = fc.tuple(
  fc.array(turn, { minLength: 1, maxLength: 3 }),
  fc.double({ min: -2, max: 2, noNaN: true }),
);
const group = fc
  .tuple(sample, sample)
  .map((samples) => buildGroup(samples.map((one) => buildSample(...one))));
const sentAlgorithms = ALGORITHM_NAMES.filter((name) => name !== "rejection-sampling");

/** Digits of a number in JSON from the first that is not 0. */
const countDigits = (value: number): number =>
  JSON.stringify(value).replace(/e.*$/, "").replaceAll(/\D/g, "").replace(/^0+/, "").length;

it("tells of each token the advantage that the loss was sent, and of the episode their mean", async () => {
  let [own, shared] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...sentAlgorithms),
      fc.constantFrom("paper" as const, "upstream" as const),
      fc.record({
        whiten: fc.boolean(),
        lambda: fc.constantFrom(0.5, 1),
        gamma: fc.constantFrom(0.9, 1),
      }),
      fc.array(group, { minLength: 2, maxLength: 2 }),
      async (algorithm, protocol, rl, groups) => {
        const { told, sent } = await update({ algorithm, ...rl }, protocol, groups);
        const episodes = groups.flatMap(({ samples }) => samples.map(({ episode }) => episode));
        for (const [i, { mean, turns }] of told.entries()) {
          const mask = episodes[i]!.steps.flatMap((s) => (s.kind === "generate" ? s.mask! : []));
          const entered = sent[i]!.filter((_, t) => mask[t] === 1);
          expect(mean).toBeCloseTo(computeMean(entered) ?? 0, 9);
          if (turns === null) {
            expect(new Set(toFloat32(entered)).size).toBeLessThanOrEqual(1);
            shared += 1;
            continue;
          }
          own += 1;
          expect(isGrouped(algorithm), `${algorithm} has one advantage an episode`).toBe(false);
          expect(toFloat32(turns.flat())).toEqual(toFloat32(sent[i]!));
          const reported = turns.flat().filter((_, t) => mask[t] === 1);
          expect(computeMean(reported)).toBeCloseTo(mean, 5);
          // A float32 that is written as float64 has 17 digits.
          for (const value of reported) expect(countDigits(value)).toBeLessThan(10);
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(Math.min(own, shared), "both cases were met").toBeGreaterThan(20);
});

it("tells no list of what no number says, which a report could not hold", async () => {
  const samples = [2, Infinity].map((reward) => buildSample([{ fed: 1, written: [1, 1] }], reward));
  const { told } = await update({ algorithm: "ppo" }, "paper", [buildGroup(samples)]);
  expect(told.map(({ turns }) => turns)).toEqual([null, null]);
});

it("lays them over the tokens of each turn, and says where the end was cut off", async () => {
  const ones = (length: number): Bits => Array.from({ length }, () => 1);
  const long = [
    { fed: 2001, written: ones(7000) },
    { fed: 3, written: ones(1002) },
  ];
  const short = [{ fed: 2, written: ones(3) }];
  const samples = [buildSample(long, 1), buildSample(short, 0)];
  const rl = { algorithm: "ppo", lambda: 0.5 };
  const { told, sent } = await update(rl, "upstream", [buildGroup(samples)]);
  const { steps } = episodeSchema.parse(addTokenAdvantages(samples[0]!.episode, told[0]!));
  const [first, second] = steps.flatMap((step) => (step.kind === "generate" ? [step] : []));
  // Of the prompt the last 2000 tokens are kept, of what follows the first 8000.
  expect(toFloat32(first!.advantages!)).toEqual([0, ...toFloat32(sent[0]!.slice(0, 9000))]);
  expect(toFloat32(second!.advantages!.slice(0, 1000))).toEqual(toFloat32(sent[0]!.slice(9000)));
  expect(second!.advantages!.slice(1000)).toEqual([0, 0, 0, 0, 0]);
  expect(steps.filter(({ kind }) => kind === "retrieve")).toEqual(
    samples[0]!.episode.steps.filter(({ kind }) => kind === "retrieve"),
  );
  expect(samples[0]!.episode.steps[1], "the episode itself stays").not.toHaveProperty("advantages");
});
