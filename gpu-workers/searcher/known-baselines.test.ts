import { describe, expect, it, vi } from "vitest";
import type { Score } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { StoredBaseline } from "@/contracts/worker-protocol/stored-results";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import type { EpisodeGrader } from "./episode-grader";
import { matchBaselines } from "./known-baselines";
import type { Method } from "./method";
import { getBaselineKey, RagBaseline } from "./rag-baseline";

const ask = (id: string, question: string, rest: Partial<Question> = {}): Question => ({
  id,
  question,
  answers: ["Quito"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
  ...rest,
});
const store = (
  question: string,
  scores: Score[],
  { text = "Quito", options = null as StoredBaseline["options"], golds = ["Quito"] } = {},
): StoredBaseline => ({
  questionId: "other",
  question,
  options,
  golds,
  imported: true,
  answer: {
    key: `k ${question} ${text}`,
    generator: "g",
    promptStyle: "upstream",
    text,
    seconds: 0,
  },
  scores,
});
const file = (value: number): Score => ({ scorer: "generation-accuracy/upstream-file", value });
const CHOICES = [
  { letter: "A", text: "Lima" },
  { letter: "B", text: "Quito" },
];

describe("naive RAG from earlier runs", () => {
  it("is found by the question's text as upstream writes it, with the score of the file", () => {
    const { known, conflicting, generators } = matchBaselines(
      [store("which city?", [file(1), { scorer: "span/2", value: 0 }]), store("Else?", [file(0)])],
      [ask("1", "Which  city"), ask("2", "Which town?")],
      "generation-accuracy",
    );
    expect([...known]).toEqual([
      [
        getBaselineKey(ask("1", "Which  city")),
        { answer: expect.objectContaining({ text: "Quito" }) as object, score: file(1) },
      ],
    ]);
    expect(conflicting).toBe(0);
    expect(generators).toEqual(["g"]);
  });

  it("keeps questions of other options apart", () => {
    const mine = { choices: CHOICES, answer: "B" };
    const other = { choices: [...CHOICES, { letter: "C", text: "Cali" }], answer: "B" };
    const { known } = matchBaselines(
      [store("Which?", [file(1)], { options: other })],
      [ask("1", "Which?", { options: mine }), ask("2", "Which?", { options: other })],
      "generation-accuracy",
    );
    expect([...known.keys()]).toEqual([getBaselineKey(ask("2", "Which?"))]);
  });

  it("is not taken where runs disagree, or the file has no number", () => {
    const { known, conflicting } = matchBaselines(
      [
        store("One?", [file(1)]),
        store("One?", [file(0)]),
        store("Two?", [{ scorer: "exact-match/upstream-file", value: 1 }]),
        store("Three?", [file(1)]),
        store("Three?", [file(1)], { text: "in Quito" }),
      ],
      [ask("1", "One?"), ask("2", "Two?"), ask("3", "Three?")],
      "generation-accuracy/upstream",
    );
    expect([...known.keys()]).toEqual([getBaselineKey(ask("3", "Three?"))]);
    expect(conflicting).toBe(1);
  });

  it("has a file's score only for the gold answers that it was made with", () => {
    const choices = { choices: CHOICES, answer: "A" };
    const { known, otherGolds, imported } = matchBaselines(
      [
        store("Same?", [file(1)], { golds: ["in Quito", "Quito", "Quito"] }),
        store("Corrected?", [file(1)], { golds: ["Lima"] }),
        store("Which?", [file(1)], { golds: ["Lima"], options: choices }),
      ],
      [
        ask("1", "Same?", { answers: ["Quito", "in Quito"] }),
        ask("2", "Corrected?"),
        ask("3", "Which?", { options: { ...choices, answer: "B" } }),
      ],
      "generation-accuracy",
    );
    expect([...known.keys()]).toEqual([getBaselineKey(ask("1", "Same?"))]);
    expect([otherGolds, imported]).toEqual([2, 1]);
    // This run's own rule is applied to the golds that the question has here.
    const anew = matchBaselines(
      [store("Corrected?", [file(1)], { golds: ["Lima"] })],
      [ask("2", "Corrected?")],
      "span",
    );
    expect(anew.known.get(getBaselineKey(ask("2", "Corrected?")))?.score).toBeNull();
    expect(anew.otherGolds).toBe(0);
  });

  it("is scored by this run's rule from the stored answer; only what is not held is retrieved and answered", async () => {
    const questions = [ask("1", "Held?"), ask("2", "New?")];
    const { known } = matchBaselines([store("Held?", [file(0)])], questions, "span");
    expect(known.get(getBaselineKey(questions[0]!))?.score).toBeNull();
    const run = vi.fn((asked: readonly Question[]) =>
      Promise.resolve(asked.map(({ id }) => ({ id }))),
    );
    const outcome = (value: number) => ({ context: [], score: { scorer: "span/2", value } });
    const grade = vi.fn(() => Promise.resolve([outcome(0)]));
    const scoreAnswers = vi.fn((_episodes: unknown, answers: { text: string }[]) =>
      Promise.resolve(answers.map((answer) => ({ ...outcome(1), answer }))),
    );
    const baseline = new RagBaseline(
      { run } as unknown as Method,
      { grade, scoreAnswers } as unknown as EpisodeGrader,
      known,
    );
    const { signal } = new AbortController();
    for (let i = 0; i < 2; i++) {
      const outcomes = await baseline.getOutcomes(questions, new Stopwatch(), signal);
      expect(outcomes.map(({ score }) => score.value)).toEqual([1, 0]);
      expect(outcomes[0]!.answer.text).toBe("Quito");
    }
    expect(run.mock.calls.map(([asked]) => asked.map(({ id }) => id))).toEqual([["2"]]);
    expect(scoreAnswers).toHaveBeenCalledTimes(1);
    // A held-out question that is numbered alike is another one.
    const [heldOut] = await baseline.getOutcomes([ask("1", "Another?")], new Stopwatch(), signal);
    expect(heldOut!.score.value).toBe(0);
    expect(run.mock.calls.at(-1)![0].map(({ question }) => question)).toEqual(["Another?"]);
  });
});
