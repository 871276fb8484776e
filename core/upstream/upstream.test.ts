import { describe, expect, it } from "vitest";
import { formatDocuments, parseDocuments } from "@/contracts/formats/upstream/documents";
import { buildS3Sequence, buildStepSequence, parseSequence } from "./episodes";
import { buildQuestionKey, outputSequencesSchema } from "@/contracts/formats/upstream/files";
import { hasOptionsWithin, parseQuestionText } from "@/contracts/formats/upstream/question-text";
import type { DocumentText } from "@/contracts/records/episode";
import { parseUpstreamFile } from "./parse-file";
import { parseResponse, readSelection } from "./response-text";

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

describe("documents of files", () => {
  const documents = [
    { title: "Harbour", text: "H is a town." },
    { title: "Ada Reyes", text: "Ada Reyes painted it.\nShe was born in 1901." },
    { title: "Files", text: "see Doc 4 of the file" },
    { title: "Bo", text: "Bo did not." },
  ];

  it("are written and read as upstream's scripts have them", () => {
    const written = formatDocuments(documents);
    expect(formatDocuments(documents.slice(1, 2))).toBe(
      'Doc 1(Title: "Ada Reyes") Ada Reyes painted it.\nShe was born in 1901.',
    );
    // context.py hands over what stands before the text "Doc 4", wherever it stands; we read every document whole.
    const handedOver = written.slice(0, written.indexOf("Doc 4"));
    expect(parseDocuments(handedOver)).toEqual([
      ...documents.slice(0, 2),
      { title: "Files", text: "see" },
    ]);
    expect(parseDocuments(written)).toEqual(documents);
    // context_with_info as its inference writes it: without quotes, the text on lines of its own.
    const stored = documents
      .map(({ title, text }, i) => `Doc ${i + 1} (Title: ${title})\n${text}\n\n`)
      .join("");
    expect(parseDocuments(stored)).toEqual(documents);
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
    expect(() => read("rag_cache.json", '{"nq": {\n"a": 1,\n"a": 2}}')).toThrow(
      /holds the key "a" twice in one object \(line 3\)/,
    );
    expect(() => read("rag_cache.json", '{"nq": {\n"a": NaN,\n"a": 2}}')).toThrow(/\(line 3\)/);
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

  it("a question is one key with and without upstream's question mark and spaces; other options are another", () => {
    const keys = (...texts: string[]) => new Set(texts.map(buildQuestionKey)).size;
    expect(keys("Who  is it", "who is it?", "Who is it??")).toBe(1);
    expect(
      keys(
        "Who is it?\nOptions:\nA: x\nB: y\n",
        "who is it\n\nOptions:\nA. X\nB. y\n?",
        "Who is it?\nOptions:\n(A) x\n(B) y",
      ),
    ).toBe(1);
    expect(keys("Who?\nOptions:\nA: x\nB: y\n", "Who?\nOptions:\nA: x\nB: z\n", "Who?")).toBe(3);
  });
});

describe("episodes", () => {
  const texts = new Map<string, (typeof hard)[number]>();
  const question = { question: "Who painted Harbour at Dawn?", answers: ["a"] };
  const getText = (hash: string) => texts.get(hash)!;
  const keep = (documents: readonly DocumentText[]): void => {
    for (const { hash, title, text } of documents) texts.set(hash, { title, text });
  };
  /** A conversation as upstream's code writes it. */
  const conversation = `
<question>
Who painted Harbour at Dawn?
</question>
<information>
Doc 1 (Title: "Harbour") H is a town.
Doc 2 (Title: "Dawn") D is a time.
It has two lines.
</information>
<|im_end|>
<|im_start|>assistant
<important_info>[2]</important_info>
<search_complete>False</search_complete>
<query>{"query": "Harbour at Dawn painter"}</query>

<information>Doc 1(Title: "Ada Reyes") Ada Reyes painted it.
Doc 2(Title: "Bo") Bo did not.</information>

<search_complete>no</search_complete>

Look again:
<query>
<query>
{"query": ["one more"]}
</query>

<information>Doc 1(Title: "Ada Reyes") Ada Reyes painted it.</information>

<important_info>[1]</important_info>
<search_complete>True</search_complete><|im_end|>`;

  it("s3: queries, windows, selections and the stop are read out of response_str, which comes back as it was", () => {
    const sequence = {
      golden_answers: ["a"],
      context_with_info: formatDocuments(hard),
      response_str: conversation,
    };
    const { steps, context, documents, cutWindows } = parseSequence(sequence, question.question);
    keep(documents);
    const findId = (title: string) => documents.find((document) => document.title === title)!.id;
    const shown = steps.map((step) =>
      step.kind === "retrieve"
        ? [step.turn, step.query, step.documents.map(({ hash }) => getText(hash).title)]
        : step.kind === "select"
          ? [step.turn, step.selected, step.implicit]
          : [step.turn, step.kind],
    );
    expect(shown).toEqual([
      [0, "Who painted Harbour at Dawn?", ["Harbour", "Dawn"]],
      [0, "generate"],
      [0, [findId("Dawn")], false],
      [1, "Harbour at Dawn painter", ["Ada Reyes", "Bo"]],
      [1, "generate"],
      [1, [findId("Ada Reyes"), findId("Bo")], true],
      [2, "one more", ["Ada Reyes"]],
      [2, "generate"],
      [2, [findId("Ada Reyes")], false],
      [2, "stop"],
    ]);
    expect(documents.find(({ title }) => title === "Dawn")!.text).toBe(
      "D is a time.\nIt has two lines.",
    );
    expect([context.length, cutWindows]).toEqual([3, 0]);
    expect(buildS3Sequence({ question, steps, context, getText })).toEqual(sequence);
  });

  it("s3: what the model writes as a window is none, and what the file does not show is not made up", () => {
    const listKinds = (response_str?: string) =>
      parseSequence(
        {
          golden_answers: ["a"],
          context_with_info: "",
          ...(response_str !== undefined && { response_str }),
        },
        "q",
      ).steps.map(({ kind }) => kind);
    expect(listKinds()).toEqual([]);
    expect(listKinds("")).toEqual([]);
    // As this product exported it before: the model's words alone.
    expect(
      listKinds('<query>{"query": "x"}</query>\n<search_complete>True</search_complete>'),
    ).toEqual(["generate", "stop"]);
    const invented = conversation.replace(
      "<important_info>[2]</important_info>",
      '<information>Doc 1(Title: "Mine") made up</information><important_info>[2]</important_info>',
    );
    const { steps, documents } = parseSequence(
      { golden_answers: ["a"], context_with_info: "", response_str: invented },
      "q",
    );
    expect(steps.filter(({ kind }) => kind === "retrieve")).toHaveLength(3);
    expect(documents.map(({ title }) => title)).not.toContain("Mine");
  });

  it("s3: a window that upstream's code has cut ends where the model writes on, and is counted", () => {
    const cut = conversation.replace(
      'painted it.\nDoc 2(Title: "Bo") Bo did not.</information>',
      "pai",
    );
    const { steps, cutWindows } = parseSequence(
      { golden_answers: ["a"], context_with_info: "", response_str: cut },
      "q",
    );
    const windows = steps.flatMap((step) =>
      step.kind === "retrieve" ? [step.documents.length] : [],
    );
    expect([windows, cutWindows]).toEqual([[2, 1, 1], 1]);
  });

  it("s3: a conversation that was stored as one text is exported as that text", () => {
    const steps = [{ kind: "generate", turn: 0, seconds: 0, text: conversation }] as const;
    expect(buildS3Sequence({ question, steps, context: [], getText }).response_str).toBe(
      conversation,
    );
  });

  it("s3: what upstream's ablations take of an exported file is there", () => {
    const { steps, documents } = parseSequence(
      { golden_answers: ["a"], context_with_info: "", response_str: conversation },
      question.question,
    );
    keep(documents);
    const { response_str = "" } = buildS3Sequence({ question, steps, context: [], getText });
    // context_no_select.py: all after the question, without the tags.
    const afterQuestion = response_str.slice(response_str.indexOf("</question>"));
    const plain = afterQuestion.replace(/<\/?[\w|]+>/g, "");
    for (const text of [
      "H is a town.",
      "Bo did not.",
      '{"query": "Harbour at Dawn painter"}',
      "[2]",
    ])
      expect(plain).toContain(text);
    // context_no_both.py: the same from the first assistant marker on.
    const written = response_str.split("<|im_start|>assistant")[1]!;
    expect(written).not.toContain("H is a town.");
    expect(written).toContain("Bo did not.");
    // context_no_init.py: the documents that are selected in the windows of that part, by the pattern of its documents.
    const [, window = "", ids = ""] =
      /.*<information>(.*?)<\/information>\s*<important_info>(.*?)<\/important_info>/s.exec(
        written,
      ) ?? [];
    const found = [...window.matchAll(/Doc\s*(\d+)\s*\(Title:\s*"?(.+?)"?\)\s*(.*)/g)];
    expect([ids, found.map(([, number, title, text]) => [number, title, text])]).toEqual([
      "[1]",
      [["1", "Ada Reyes", "Ada Reyes painted it."]],
    ]);
  });

  it("multiple choices have their options in question and gold answer, as upstream's rows do", () => {
    const options = {
      choices: [
        { letter: "A", text: "Vitamin A" },
        { letter: "B", text: "Vitamin D" },
      ],
      answer: "B",
    };
    const { golden_answers, response_str } = buildS3Sequence({
      question: { question: "Which?", answers: ["Vitamin D"], options },
      steps: [{ kind: "generate", turn: 0, seconds: 0, text: "x" }],
      context: [],
      getText,
    });
    expect([golden_answers, response_str]).toEqual([
      ["B: Vitamin D"],
      "\n<question>\nWhich?\nOptions:\nA: Vitamin A\nB: Vitamin D\n\n</question>\n<|im_end|>\n<|im_start|>assistant\nx<|im_end|>",
    ]);
  });

  it("IRCoT and Search-o1: queries, their documents, and thoughts come back as they were", () => {
    const sequence = {
      golden_answers: ["a"],
      chain_of_thought: ["first", "second"],
      retrievals: [
        { query: "q1", context: formatDocuments(hard.slice(0, 2)) },
        { query: "q2", context: formatDocuments(hard.slice(1)) },
      ],
      all_context: formatDocuments(hard),
    };
    const [parsed] = Object.values(outputSequencesSchema.parse({ q: sequence }));
    const { steps, context, documents } = parseSequence(parsed!, "q");
    expect(steps.map(({ kind, turn }) => [kind, turn])).toEqual([
      ["retrieve", 0],
      ["retrieve", 1],
      ["generate", 0],
      ["generate", 1],
    ]);
    keep(documents);
    expect(buildStepSequence({ question, steps, context, getText })).toEqual(sequence);
  });
});

describe("texts of a searcher", () => {
  it("digits of any script are numbers of a selection, above eight none", () => {
    const read = (ids: string) => readSelection(`<important_info>${ids}</important_info>`, 8);
    expect(["[3, 1]", "[١]", "１", "[²]", "[12]", "[9]", "none"].map(read)).toEqual([
      [0, 2],
      [0],
      [0],
      [],
      [],
      [],
      [],
    ]);
    expect(readSelection("no tag", 8)).toBeNull();
    expect(readSelection("<important_info>[1, 5]</important_info>", 3)).toEqual([0]);
  });

  it("marks and white space at the end of a conversation are left out; a long gap takes no time", () => {
    const start = performance.now();
    const gap = " ".repeat(200_000);
    const turns = parseResponse(`<|im_start|>assistant\nx${gap}y<|im_end|>\n<|endoftext|> \n`);
    expect(turns.map(({ text }) => text)).toEqual([`x${gap}y`]);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it("options below a question and within it are found, whatever the length of the text", () => {
    const start = performance.now();
    const lines = "\n".repeat(200_000);
    expect(parseQuestionText(`${lines}Which?`)).toEqual({
      question: `${lines}Which?`,
      choices: null,
    });
    expect(parseQuestionText("Options: which?\n \n Options:\nA: x\nB: y\n")).toEqual({
      question: "Options: which?",
      choices: [
        { letter: "A", text: "x" },
        { letter: "B", text: "y" },
      ],
    });
    expect(hasOptionsWithin(" A. x B. x".repeat(20_000))).toBe(false);
    expect(hasOptionsWithin(`${lines}Which?`)).toBe(false);
    expect(
      [
        "Which? A) x B) y",
        "Which?\nA. x\n\n B. y",
        "Which? A. x B. y C. z",
        "A. Smith and B. Jones met",
      ].map(hasOptionsWithin),
    ).toEqual([true, true, true, false]);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
