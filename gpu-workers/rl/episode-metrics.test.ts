import { describe, expect, it } from "vitest";
import type { EpisodeRecord } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import { computeHeldOutMetrics, computeTrainingMetrics } from "./episode-metrics";
import { buildMetricPoints } from "./metric-values";

const ref = (id: string) => ({ id, hash: id, score: null });
const question: Question = {
  id: "q",
  question: "?",
  answers: ["x"],
  goldIds: ["a", "b"],
  type: null,
  group: null,
  goldQueries: [],
};
const answer = { key: "k", generator: "g", promptStyle: "chat/1", text: "x", seconds: 0 };

function record(s3: 0 | 1, rag: 0 | 1, later: string[] = ["a", "y"]): EpisodeRecord {
  return {
    phase: "held-out",
    step: 0,
    episode: {
      key: "e",
      method: "s3",
      protocol: "paper",
      questionId: "q",
      sampleIndex: 0,
      steps: [
        { kind: "retrieve", turn: 0, seconds: 0, query: "?", documents: [ref("a"), ref("x")] },
        {
          kind: "generate",
          turn: 0,
          seconds: 0,
          text: "",
          ids: [1, 2, 3],
          mask: [0, 1, 1],
          logprobs: [0, -1, -1],
          fed: 1,
        },
        { kind: "select", turn: 0, seconds: 0, selected: ["a"], implicit: false },
        { kind: "retrieve", turn: 1, seconds: 0, query: "?", documents: later.map(ref) },
        { kind: "reject", turn: 1, seconds: 0, error: "no-selection", text: "" },
        { kind: "select", turn: 1, seconds: 0, selected: later, implicit: true },
      ],
      context: [ref("a"), ref("y")],
    },
    answer,
    score: { scorer: "span/1", value: s3 },
    baseline: { context: [], answer, score: { scorer: "span/1", value: rag } },
    reward: { name: "gbr", terms: [], value: s3 - rag },
    advantage: null,
    attribution: null,
    formatErrors: ["no-selection"],
  };
}
const questions = new Map([["q", question]]);

describe("metrics", () => {
  it("of training count retrieval, selection, form and reward", () => {
    expect(computeTrainingMetrics([record(1, 0), record(0, 0)], questions)).toEqual({
      "reward/mean": 0.5,
      "reward/generation_accuracy": 0.5,
      "search/gold_retrieved": 0.5,
      "search/gold_selected": 0.5,
      "search/searches": 1,
      "search/documents": 2,
      "search/new_documents": 0.5,
      "search/format_errors": 1,
      "search/implicit_selections": 0.5,
      // The only query says what the question said.
      "search/redundant_queries": 1,
      "search/copied_question": 1,
      "groups/dead_questions": 0,
      "search/gold_recall/turn_0": 0.5,
      "search/gold_recall/turn_1": 0.5,
      "search/format_errors/no-selection": 1,
      "reward/utility_1_gen_1": 0.5,
      "reward/utility_0_gen_1": 0,
      "reward/utility_0_gen_0": 0.5,
      "reward/utility_-1_gen_0": 0,
      "response_length/mean": 2,
      "response_length/max": 2,
      "response_length/min": 2,
      "response_length/clip_ratio": 0,
      "prompt_length/mean": 1,
      "prompt_length/max": 1,
      "prompt_length/min": 1,
      "global_seqlen/mean": 3,
      "global_seqlen/max": 3,
      "global_seqlen/min": 3,
      "state_tokens/total": 4,
      "state_tokens/coverage": 1,
    });
  });

  it("of held-out questions of several kinds tell each apart, as upstream's data sets", () => {
    const typed = new Map([
      ["q", { ...question, type: "nq" }],
      ["r", { ...question, type: "hotpotqa" }],
    ]);
    const other = (s3: 0 | 1): EpisodeRecord => ({
      ...record(s3, 0),
      episode: { ...record(s3, 0).episode, questionId: "r" },
    });
    const values = computeHeldOutMetrics(
      [record(1, 0), record(1, 0), other(1), other(0)],
      typed,
      "mixed/test",
    );
    expect([
      values["val/test_score/mixed/test"],
      values["val/test_score/nq"],
      values["val/test_score/hotpotqa"],
    ]).toEqual([0.75, 1, 0.5]);
  });

  it("of held-out questions have quadrants that sum to 1", () => {
    const values = computeHeldOutMetrics(
      [record(1, 0), record(0, 1), record(1, 1), record(0, 0)],
      questions,
      "atlas/held-out",
    );
    expect(values).toMatchObject({
      "held-out/accuracy": 0.5,
      "val/test_score/atlas/held-out": 0.5,
      "held-out/rag_accuracy": 0.5,
      "held-out/gbr": 0,
      "held-out/gained": 0.25,
      "held-out/lost": 0.25,
      "held-out/both_right": 0.25,
      "held-out/both_wrong": 0.25,
    });
  });

  it("of a method that answers by itself compare with no RAG, and leave out the turn that it has not", () => {
    const own = record(1, 0);
    const searching: EpisodeRecord = {
      ...own,
      baseline: null,
      episode: {
        ...own.episode,
        method: "search-r1",
        steps: own.episode.steps.filter(({ turn }) => turn > 0),
      },
    };
    const silent = { ...searching, episode: { ...searching.episode, steps: [], context: [] } };
    const values = {
      ...computeTrainingMetrics([searching, silent], questions),
      ...computeHeldOutMetrics([searching, silent], questions, "atlas/held-out"),
    };
    expect(values).toMatchObject({
      "search/searches": 0.5,
      "search/gold_retrieved": 0.25,
      "held-out/gold_recall/turn_1": 0.25,
      "held-out/accuracy": 1,
    });
    for (const name of Object.keys(values))
      expect(name).not.toMatch(
        /rag_|gbr|utility_|gained|lost|both_|gold_selected|implicit|copied|turn_0/,
      );
    const r1 = { ...silent, episode: { ...silent.episode, method: "r1" as const } };
    const without = { ...computeTrainingMetrics([r1], questions) };
    for (const name of Object.keys(without))
      expect(name).not.toMatch(/searches|documents|gold_|redundant|implicit/);
    expect(without["search/format_errors"]).toBe(0);
  });

  it("of training compare queries with the question, also where it was not searched with", () => {
    const ask = (id: string, query: string): EpisodeRecord => ({
      ...record(1, 0),
      baseline: null,
      episode: {
        ...record(1, 0).episode,
        method: "search-r1",
        questionId: id,
        steps: [{ kind: "retrieve", turn: 1, seconds: 0, query, documents: [] }],
      },
    });
    const asked = new Map([
      ["q", { ...question, question: "Who painted the Night Watch?" }],
      ["r", { ...question, id: "r", question: "Which river flows through Lisbon?" }],
    ]);
    const measure = (first: string, second: string) =>
      computeTrainingMetrics([ask("q", first), ask("r", second)], asked)[
        "search/query_information"
      ];
    expect(measure("night watch painter", "lisbon river")).toBeGreaterThan(0.9);
    expect(measure("tulips", "cheese")).toBe(0);
  });

  it("of training count questions that no sample answered, of those with several", () => {
    const dead = (records: EpisodeRecord[]) =>
      computeTrainingMetrics(records, questions)["groups/dead_questions"];
    const other: EpisodeRecord = {
      ...record(0, 0),
      episode: { ...record(0, 0).episode, questionId: "r" },
    };
    expect(dead([record(0, 0), record(0, 0), other])).toBe(1);
    expect(dead([record(1, 0), record(0, 0), other, other])).toBe(0.5);
    expect(dead([record(0, 0), other])).toBeUndefined();
  });

  it("leave out what has no meaning", () => {
    const values = computeTrainingMetrics(
      [record(1, 0)],
      new Map([["q", { ...question, goldIds: [] }]]),
    );
    expect(values).not.toHaveProperty("search/gold_retrieved");
    expect(buildMetricPoints({ "actor/kl_loss": Number.NaN, "reward/mean": 1 }, 3, 5)).toEqual([
      { name: "reward/mean", step: 3, value: 1, at: 5 },
    ]);
  });
});
