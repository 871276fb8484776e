import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DocumentRef, Episode, EpisodeStep } from "@/contracts/records/episode";
import { rewardWeightsSchema } from "@/contracts/run-config/reward";
import { rlSchema } from "@/contracts/run-config/rl";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import type { Outcome } from "@/gpu-workers/searcher/episode-grader";
import { computeTurnRewards, rewardTurns, type GradedEpisode } from "./turn-rewards";

const near = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
};
const WEIGHTS = rewardWeightsSchema.parse({});

describe("rewards of turns", () => {
  it("are what the answer gained by each; the rest stands at the last", () => {
    // Reward 0.9: a gain of 1 over naive RAG, less 0.1 for a search.
    const scores = [
      { turn: 0, accuracy: 0 },
      { turn: 1, accuracy: 1 },
      { turn: 2, accuracy: 1 },
    ];
    const rewards = computeTurnRewards(scores, 0, 0.9, 1);
    expect(rewards.map(({ turn }) => turn)).toEqual([0, 1, 2]);
    near(
      rewards.map(({ reward }) => reward),
      [0, 1, -0.1],
    );
  });

  it("sum to the episode's reward, whatever its terms", () => {
    const value = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 5 }),
        value,
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: -2, max: 2, noNaN: true }),
        (accuracies, rag, reward, weight) => {
          const scores = accuracies.map((accuracy, turn) => ({ turn, accuracy }));
          const found = computeTurnRewards(scores, rag, reward, weight);
          expect(found.reduce((sum, turn) => sum + turn.reward, 0)).toBeCloseTo(reward, 9);
        },
      ),
    );
  });
});

const ref = (id: string): DocumentRef => ({ id, hash: `h${id}`, score: 1 });
const buildOutcome = (value: number): Outcome => ({
  context: [],
  answer: { key: "k", generator: "g", promptStyle: "p", text: "", seconds: 0 },
  score: { scorer: "span/2", value },
});

/** An episode whose turns select these documents of theirs. */
function buildEpisode(questionId: string, selections: string[][], accuracy: number): GradedEpisode {
  const steps = selections.flatMap((selected, turn): EpisodeStep[] => [
    {
      kind: "retrieve",
      turn,
      seconds: 0,
      query: "q",
      documents: [ref(`a${turn}`), ref(`b${turn}`)],
    },
    { kind: "generate", turn, seconds: 0, text: "" },
    { kind: "select", turn, seconds: 0, selected, implicit: false },
  ]);
  const episode = {
    questionId,
    steps,
    context: selections.flat().map(ref),
  } as unknown as Episode;
  return {
    question: { id: questionId } as GradedEpisode["question"],
    episode,
    outcome: buildOutcome(accuracy),
    reward: { name: "gbr", terms: [], value: accuracy },
    baseline: buildOutcome(0),
  };
}

/** Right where the documents hold b1; records what it is asked. */
function createRecordingGrader() {
  const asked: string[][] = [];
  return {
    asked,
    grade: (episodes: readonly Episode[]) => {
      asked.push(...episodes.map(({ context }) => context.map(({ id }) => id)));
      return Promise.resolve(
        episodes.map(({ context }) => buildOutcome(context.some(({ id }) => id === "b1") ? 1 : 0)),
      );
    },
  };
}
const signal = new AbortController().signal;

describe("the generator's answers after turns", () => {
  it("are asked once for equal documents of a question, and never for the episode's own", async () => {
    const grader = createRecordingGrader();
    const graded = [
      // The second turn adds nothing, the third b2: the answer after turn 1 is that after turn 0.
      buildEpisode("q", [["a0"], [], ["b2"]], 0),
      buildEpisode("q", [["a0"], ["b1"], []], 1),
      buildEpisode("other", [["a0"], ["a1"]], 0),
    ];
    const { rewards, answers } = await rewardTurns(grader, graded, WEIGHTS, signal);
    expect(grader.asked).toEqual([["a0"], ["a0"]]);
    expect(answers).toBe(2);
    expect(rewards.map((turns) => turns.map(({ reward }) => reward))).toEqual([
      [0, 0, 0],
      [0, 1, 0],
      [0, 0],
    ]);
  });

  it("take none where every episode has one turn", async () => {
    const grader = createRecordingGrader();
    const { rewards, answers } = await rewardTurns(
      grader,
      [buildEpisode("q", [["a0"]], 1)],
      WEIGHTS,
      signal,
    );
    expect([answers, grader.asked]).toEqual([0, []]);
    expect(rewards).toEqual([[{ turn: 0, reward: 1 }]]);
  });

  it("fail as the generator does: a failure is no reward", async () => {
    const grader = { grade: () => Promise.reject(new Error("the generator is away")) };
    const graded = [buildEpisode("q", [["a0"], ["b1"]], 1)];
    await expect(rewardTurns(grader, graded, WEIGHTS, signal)).rejects.toThrow("away");
  });
});

describe("credit by turns", () => {
  const create = (algorithm: "grpo" | "dr-grpo", turnDiscount = 1) =>
    createAlgorithm(rlSchema.parse({ algorithm, credit: "turn", turnDiscount }));
  const trajectory = (rewards: number[], ofTokens: number[], penalties?: number[]) => ({
    reward: rewards.reduce((a, b) => a + b, 0),
    penalties: penalties ?? ofTokens.map(() => 0),
    values: [],
    turns: { rewards: rewards.map((reward, turn) => ({ turn, reward })), ofTokens },
  });

  it("worked by hand: all turns of a question's samples are one group", () => {
    // Rewards 0, 1 | 0, 0, 0 with mean 0.2; centred -0.2, 0.8 | -0.2, -0.2, -0.2; sums from each turn on.
    const group = [trajectory([0, 1], [0, 0, 1]), trajectory([0, 0, 0], [0, 1, 1, 2])];
    const [credits] = create("dr-grpo").assignCredit([group]);
    near(credits![0]!.advantages, [0.6, 0.6, 0.8]);
    near(credits![1]!.advantages, [-0.6, -0.4, -0.4, -0.2]);
    // The sample deviation of the five is sqrt(0.8 / 4).
    const [scaled] = create("grpo").assignCredit([group]);
    near(
      scaled![0]!.advantages,
      [0.6, 0.6, 0.8].map((a) => a / (Math.sqrt(0.2) + 1e-6)),
    );
    const [discounted] = create("dr-grpo", 0.5).assignCredit([group]);
    near(discounted![0]!.advantages, [0.2, 0.2, 0.8]);
  });

  it("takes the KL from the turn whose tokens have it", () => {
    const group = [trajectory([0, 1], [0, 1], [0.5, 0]), trajectory([0, 0.5], [0, 1], [0, 0])];
    const [credits] = create("dr-grpo").assignCredit([group]);
    // Net -0.5, 1 | 0, 0.5 with mean 0.25.
    near(credits![0]!.advantages, [0, 0.75]);
    near(credits![1]!.advantages, [0, 0.25]);
  });

  it("with one turn each it is credit by episode", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 2, maxLength: 6 }),
        (rewards) => {
          const group = rewards.map((reward) => trajectory([reward], [0, 0]));
          const plain = createAlgorithm(rlSchema.parse({ algorithm: "grpo" }));
          expect(create("grpo").assignCredit([group])).toEqual(plain.assignCredit([group]));
        },
      ),
    );
  });
});

it.each([
  [{ rl: { algorithm: "rloo", credit: "turn" } }, /choose grpo/],
  [{ rl: { credit: "turn" }, search: { protocol: "upstream" } }, /protocol paper/],
  [
    { rl: { credit: "turn" }, reward: { weights: { gbr: 0, exactMatch: 1 } } },
    /a weight, or choose episode/,
  ],
])("refuses credit by turns that cannot work, with how to mend it: %j", (change, message) => {
  const found = trainConfigSchema.safeParse({ kind: "train", name: "t", ...change });
  const issues = found.error!.issues.filter(({ path }) => path.join(".") === "rl.credit");
  expect(issues.map((issue) => issue.message)).toEqual([expect.stringMatching(message)]);
});
