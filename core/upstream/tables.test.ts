import { describe, expect, it } from "vitest";
import { findMethodInPath, readUpstreamFolder } from "./tables";

const file = (path: string, value: unknown) => ({
  path,
  content: typeof value === "string" ? value : JSON.stringify(value),
});
const s3 = { "who?": { golden_answers: ["a"], context_with_info: "", response_str: "" } };
const steps = (thought: string) => ({
  "who?": {
    golden_answers: ["a"],
    chain_of_thought: [thought],
    retrievals: [{ query: "q", context: "" }],
  },
});
const results = (...datasets: string[]) =>
  Object.fromEntries(datasets.map((dataset) => [dataset, { "who?": { answer: "a", score: 1 } }]));
const shown = ({ tables }: ReturnType<typeof readUpstreamFolder>) =>
  tables.map(({ dataset, label, method, files }) => [dataset, label, method, files]);

describe("a folder of upstream's", () => {
  it("becomes a table for each method and data set, with the sequences that belong to it", () => {
    const folder = readUpstreamFolder([
      file("out/s3/nq_output_sequences.json", s3),
      file("out/ircot/nq_output_sequences.json", steps("because")),
      file("out/o1/nq_output_sequences.json", steps("<|begin_search_query|>q<|end_search_query|>")),
      file("out/results/s3.json", results("nq", "popqa")),
      file("out/results/ircot.json", results("nq")),
      file("out/results/s3_stats.json", {
        total_questions: 1,
        processed_questions: 1,
        data_source_stats: {},
      }),
      file("out/rag_cache.json", results("nq")),
      file("out/config.json", { a: 1 }),
    ]);
    expect(shown(folder)).toEqual([
      [
        "nq",
        "out/results/s3",
        "s3",
        ["out/results/s3.json", "out/s3/nq_output_sequences.json", "out/results/s3_stats.json"],
      ],
      [
        "nq",
        "out/results/ircot",
        "ircot",
        ["out/results/ircot.json", "out/ircot/nq_output_sequences.json"],
      ],
      // Nothing scored it, so it stands alone: another method's results are not taken for its own.
      ["nq", "out/o1", "search-o1", ["out/o1/nq_output_sequences.json"]],
      ["popqa", "out/results/s3", "s3", ["out/results/s3.json", "out/results/s3_stats.json"]],
      ["nq", "out/rag_cache", "rag", ["out/rag_cache.json"]],
    ]);
    expect([folder.skipped, folder.problems]).toEqual([["out/config.json"], []]);
  });

  it("one file of results and one of sequences belong together whatever they are called; two of sequences do not", () => {
    expect(
      shown(
        readUpstreamFolder([
          file("nq_output_sequences.json", s3),
          file("mine.json", results("nq")),
        ]),
      ),
    ).toEqual([["nq", "mine", null, ["mine.json", "nq_output_sequences.json"]]]);
    const two = readUpstreamFolder([
      file("a/nq_output_sequences.json", s3),
      file("b/nq_output_sequences.json", s3),
      file("mine.json", results("nq")),
    ]);
    expect(two.tables.map(({ label, files }) => [label, files.length])).toEqual([
      ["a", 1],
      ["b", 1],
      ["mine", 1],
    ]);
  });

  it("keeps rollouts of different folders apart", () => {
    const line = JSON.stringify({ input: "p", output: "o", score: 1 });
    const { rollouts } = readUpstreamFolder([
      file("one/1.jsonl", line),
      file("one/2.jsonl", line),
      file("two/1.jsonl", line),
    ]);
    expect(rollouts.map(({ label, files }) => [label, files.length])).toEqual([
      ["one", 2],
      ["two", 1],
    ]);
  });

  it("names what cannot be read, and reads the rest", () => {
    const folder = readUpstreamFolder([
      file("rag_cache.json", '{"nq": {'),
      file("results/s3.json", results("nq")),
    ]);
    expect(folder.problems).toEqual([
      { path: "rag_cache.json", reason: expect.stringContaining("not JSON") as string },
    ]);
    expect(folder.tables).toHaveLength(1);
  });

  it("methods are told by names, not by parts of words", () => {
    expect(
      [
        "results/s3.json",
        "search_o1/x.json",
        "ircot-7b/x.json",
        "s3_run.json",
        "css3/x.json",
        "fragment.json",
        "deep-retrieval.json",
      ].map(findMethodInPath),
    ).toEqual(["s3", "search-o1", "ircot", "s3", null, null, "deepretrieval"]);
  });
});
