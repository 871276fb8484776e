import { describe, expect, it } from "vitest";
import { formatDocuments, parseDocuments } from "@/contracts/formats/upstream/documents";
import { buildS3Sequence, buildStepSequence, parseSequence } from "./episodes";
import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { parseUpstreamFile } from "./parse-file";

const hard = [
  { title: "Get Low (film)", text: "Body with (brackets) and\nDoc 7(Title: not a head) inside." },
  { title: 'The "Best" of (A) and (B)', text: "Second." },
  { title: "", text: "No title; Doc 3 says nothing." },
];

describe("documents as text", () => {
  it("come back as they were: brackets and quotes in titles, heads within bodies", () =>
    expect(parseDocuments(formatDocuments(hard))).toEqual(hard));

  it("are read without quotes, with the tags of a window, and block after block", () => {
    expect(
      parseDocuments(
        "<information>Doc 1(Title: Plain (x)) one\nDoc 2 (Title: Q) two</information>\nDoc 1(Title: R) three",
      ),
    ).toEqual([
      { title: "Plain (x)", text: "one" },
      { title: "Q", text: "two" },
      { title: "R", text: "three" },
    ]);
    expect(
      parseDocuments(
        "Doc 1(Title: Plain (x)) one\nDoc 2 (Title: Q) two\nDoc 1(Title: R) three",
      ).map(({ title }) => title),
    ).toEqual(["Plain (x)", "Q", "R"]);
    expect(parseDocuments("nothing here")).toEqual([]);
  });
});

describe("files", () => {
  const read = (name: string, value: unknown) =>
    parseUpstreamFile(name, typeof value === "string" ? value : JSON.stringify(value));

  it("are told apart by name and content", () => {
    expect(
      read("out/nq_output_sequences.json", {
        "who?": {
          golden_answers: ["a"],
          context_with_info: "Doc 1(Title: T) x",
          response_str: "<search_complete>True",
        },
      }),
    ).toMatchObject({ kind: "sequences", dataset: "nq" });
    expect(
      read("hotpotqa_output_sequences.json", {
        q: {
          golden_answers: "a",
          chain_of_thought: "one",
          retrievals: [{ query: "q", context: "Doc 1(Title: T) x" }],
          all_context: "Doc 1(Title: T) x",
        },
      }),
    ).toMatchObject({
      kind: "sequences",
      sequences: { q: { golden_answers: ["a"], chain_of_thought: ["one"] } },
    });
    expect(
      read("rag_cache.json", { nq: { "who?": { answer: "a", score: 1, em_score: true } } }),
    ).toMatchObject({ kind: "rag-cache", results: { nq: { "who?": { em_score: 1 } } } });
    expect(read("results/s3.json", { nq: { "who?": { answer: null, score: 0 } } })).toMatchObject({
      kind: "results",
      name: "s3",
      results: { nq: { "who?": { answer: "" } } },
    });
    expect(
      read("s3_stats.json", {
        total_questions: 2,
        processed_questions: 1,
        data_source_stats: { nq: { total: 2, correct: 1, accuracy: 0.5 } },
      }),
    ).toMatchObject({ kind: "stats", name: "s3" });
    expect(
      read("7.jsonl", '{"input":"p","output":"o","score":1.0,"step":7,"gts":["a"]}\n'),
    ).toMatchObject({ kind: "rollouts", step: 7 });
    expect(read("config.json", { a: 1 })).toBeNull();
    expect(read("questions.jsonl", '{"id":1}')).toBeNull();
    expect(read("notes.txt", "x")).toBeNull();
  });

  it("with the name but not the shape are refused with the reason", () => {
    expect(() => read("nq_output_sequences.json", { q: { golden_answers: [] } })).toThrow(
      /nq_output_sequences\.json does not have the shape/,
    );
    expect(() => read("rag_cache.json", { nq: { q: { answer: "a", score: 7 } } })).toThrow(
      /rag_cache/,
    );
    expect(() => read("rag_cache.json", '{"nq": {')).toThrow(/not JSON/);
    expect(() => read("3.jsonl", '{"input":"p","output":"o","score":1}\n{"input":"p"}')).toThrow(
      /line 2/,
    );
  });

  it("with NaN lose that value and no other", () => {
    expect(
      read(
        "results/s3.json",
        '{"nq": {"a?": {"answer": "x", "score": NaN, "em_score": -Infinity}, "b?": {"answer": NaN, "score": 1.0}}}',
      ),
    ).toMatchObject({
      results: {
        nq: {
          "a?": { answer: "x", score: null, em_score: null },
          "b?": { answer: "", score: 1 },
        },
      },
    });
    expect(
      read(
        "7.jsonl",
        '{"input":"p","output":"o","score":NaN}\n{"input":"p","output":"o","score":1}',
      ),
    ).toMatchObject({ lines: [{ score: null }, { score: 1 }] });
  });

  it("a question is one key with and without upstream's question mark, options and spaces", () => {
    expect(
      new Set(
        ["Who  is it", "who is it?", "Who is it??", "Who is it?\nOptions:\nA. x"].map(
          buildQuestionKey,
        ),
      ).size,
    ).toBe(1);
  });
});

describe("episodes", () => {
  const texts = new Map<string, (typeof hard)[number]>();
  it("s3: context and text come back as they were", () => {
    const sequence = {
      golden_answers: ["a"],
      context_with_info: formatDocuments(hard),
      response_str: "<query>x</query>\n<search_complete>True</search_complete>",
    };
    const { steps, context, documents } = parseSequence(sequence);
    // What the file does not say (queries, windows, the stop) is not made up.
    expect(steps.map(({ kind }) => kind)).toEqual(["generate"]);
    expect(documents).toHaveLength(3);
    for (const document of documents)
      texts.set(document.hash, { title: document.title, text: document.text });
    expect(
      buildS3Sequence({ answers: ["a"], steps, context, getText: (hash) => texts.get(hash)! }),
    ).toEqual(sequence);
  });

  it("IRCoT and Search-o1: queries, their documents, and thoughts come back as they were", () => {
    const sequence = {
      golden_answers: ["a"],
      chain_of_thought: ["first", "second"],
      retrievals: [
        { query: "q1", context: [formatDocuments(hard.slice(0, 2))] },
        { query: "q2", context: [formatDocuments(hard.slice(1))] },
      ],
      all_context: [formatDocuments(hard)],
    };
    const { steps, context, documents } = parseSequence(sequence);
    expect(steps.map(({ kind, turn }) => [kind, turn])).toEqual([
      ["retrieve", 0],
      ["retrieve", 1],
      ["generate", 0],
      ["generate", 1],
    ]);
    for (const document of documents)
      texts.set(document.hash, { title: document.title, text: document.text });
    expect(
      buildStepSequence({ answers: ["a"], steps, context, getText: (hash) => texts.get(hash)! }),
    ).toEqual(sequence);
  });
});
