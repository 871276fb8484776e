import { parquetWriteBuffer } from "hyparquet-writer";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { questionReadingSchema } from "@/contracts/formats/question-file";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import { readQuestionFile, type QuestionFile } from "./read-question-file";
import { SETS_DIR } from "@/lib/testing/shared";

const read = (fileName: string, text: string | Uint8Array, mapping = {}): Promise<QuestionFile> =>
  readQuestionFile({
    fileName,
    content: typeof text === "string" ? new TextEncoder().encode(text) : text,
    format: "auto",
    reading: questionReadingSchema.parse({}),
    mapping,
  });
const lines = (...rows: unknown[]): string =>
  rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n");
const records = (file: QuestionFile) =>
  file.parts.flatMap(({ questions }) => questions.map(({ record }) => record));

describe("question files", () => {
  it("FlashRAG: golden answers, titles of supporting facts", async () => {
    const file = await read(
      "dev.jsonl",
      lines({
        id: "dev_0",
        question: "Who?",
        golden_answers: ["A", "B"],
        metadata: {
          type: "bridge",
          level: "hard",
          supporting_facts: { title: ["X", "Y", "X"], sent_id: [0, 1, 2] },
        },
      }),
    );
    expect(file.problems).toEqual([]);
    expect(file.mapping).toMatchObject({
      id: "id",
      answers: "golden_answers",
      goldTitles: "metadata.supporting_facts.title",
      type: "metadata.type",
    });
    expect(file.parts[0]!.questions[0]).toMatchObject({
      record: { id: "dev_0", answers: ["A", "B"], type: "bridge" },
      goldTitles: ["X", "Y"],
    });
  });

  it("upstream's parquet rows, by split", async () => {
    const row = (index: number, split: string) => ({
      data_source: "nq",
      ability: "fact-reasoning",
      reward_model: {
        style: "rule",
        ground_truth: { question: `who ${index}?`, target: ["a", "b"], gt_docs: [] },
      },
      extra_info: { split, index },
    });
    const rows = [row(0, "train"), row(1, "train"), row(0, "test")];
    const content = new Uint8Array(
      parquetWriteBuffer({
        columnData: ["data_source", "ability", "reward_model", "extra_info"].map((name) => ({
          name,
          data: rows.map((r) => r[name as keyof typeof r]),
          type:
            typeof rows[0]![name as "ability"] === "string"
              ? ("STRING" as const)
              : ("JSON" as const),
        })),
      }),
    );
    const file = await read("train.parquet", content);
    expect(file.problems).toEqual([]);
    expect(file.parts.map(({ name, questions }) => [name, questions.length])).toEqual([
      ["train", 2],
      ["test", 1],
    ]);
    expect(records(file)[1]).toMatchObject({ id: "1", question: "who 1?", answers: ["a", "b"] });
  });

  it("upstream's gt_docs are titles where its source had supporting facts; positions in a corpus are none", async () => {
    const row = (index: number, gt_docs: unknown) => ({
      reward_model: { ground_truth: { question: `who ${index}?`, target: ["a"], gt_docs } },
      extra_info: { index },
    });
    const titles = async (...docs: unknown[]) =>
      (await read("a.jsonl", lines(...docs.map((doc, i) => row(i, doc))))).parts[0]!.questions.map(
        ({ record, goldTitles }) => [record.goldIds, goldTitles],
      );
    expect(
      await titles(
        [],
        ["X", "Y"],
        [
          ["X", 0],
          ["X", 2],
        ],
      ),
    ).toEqual([
      [[], []],
      [[], ["X", "Y"]],
      [[], ["X"]],
    ]);
    expect(await titles({ title: ["X", "Y", "X"], sent_id: [0, 1, 2] })).toEqual([
      [[], ["X", "Y"]],
    ]);
    expect(await titles([3, 7])).toEqual([[[], []]]);
    const mapped = await read("a.jsonl", lines(row(0, [3, 7])), {
      goldIds: "reward_model.ground_truth.gt_docs",
    });
    expect(records(mapped)[0]!.goldIds).toEqual(["3", "7"]);
  });

  it("titles in a table's cell", async () => {
    const file = await read(
      "a.csv",
      'id,question,answers,gold_titles\n1,Who?,A,X | Y\n2,What?,B,"[""X|Z""]"\n3,Where?,C,\n',
    );
    expect(file.parts[0]!.questions.map(({ goldTitles }) => goldTitles)).toEqual([
      ["X", "Y"],
      ["X|Z"],
      [],
    ]);
  });

  it("upstream's file of several data sets: rows that each set numbers from 0 keep ids of their own", async () => {
    const row = (source: string, index: number) => ({
      data_source: source,
      reward_model: { ground_truth: { question: `${source} ${index}?`, target: ["a"] } },
      extra_info: { split: "train", index },
    });
    const file = await read("train.jsonl", lines(row("nq", 0), row("nq", 1), row("hotpotqa", 0)), {
      type: "data_source",
    });
    expect(file.problems).toEqual([]);
    expect(records(file).map(({ id, type }) => [id, type])).toEqual([
      ["nq-0", "nq"],
      ["nq-1", "nq"],
      ["hotpotqa-0", "hotpotqa"],
    ]);
    expect(
      (await read("train.jsonl", lines(row("nq", 0), row("nq", 0), row("hotpotqa", 0)))).problems,
    ).toEqual([{ where: "line 2", message: 'repeats the id "nq-0" of line 1' }]);
  });

  it("MIRAGE's benchmark.json: five sets with options, the answer by its letter", async () => {
    const file = await read(
      "benchmark.json",
      JSON.stringify({
        medqa: {
          "0000": { question: "Which?", options: { A: "Aspirin", B: "Iron" }, answer: "B" },
        },
        pubmedqa: {
          "11": {
            question: "Does it?",
            options: { A: "yes", B: "no", C: "maybe" },
            answer: "A",
            PMID: ["1"],
          },
        },
      }),
    );
    expect(file.format).toBe("mirage");
    expect(file.parts.map(({ name }) => name)).toEqual(["medqa", "pubmedqa"]);
    expect(records(file)[0]).toMatchObject({
      id: "0000",
      answers: ["Iron"],
      options: {
        choices: [
          { letter: "A", text: "Aspirin" },
          { letter: "B", text: "Iron" },
        ],
        answer: "B",
      },
    });
  });

  it("PopQA's table: answers as a JSON list in a cell, quotes and line breaks kept", async () => {
    const file = await read(
      "popqa.tsv",
      'id\tquestion\tpossible_answers\n1\tWhat is "X"\'s capital?\t["P", "Q"]\n2\tWho?\tone | two\n',
    );
    expect(records(file).map(({ id, question, answers }) => [id, question, answers])).toEqual([
      ["1", 'What is "X"\'s capital?', ["P", "Q"]],
      ["2", "Who?", ["one", "two"]],
    ]);
    const csv = await read("mine.csv", 'nr,frage,antwort\n7,"Wer,\nund wo?",A\n', {
      id: "nr",
      question: "frage",
      answers: "antwort",
    });
    expect(records(csv)).toMatchObject([{ id: "7", question: "Wer,\nund wo?", answers: ["A"] }]);
  });

  /** MIRAGE's rows as upstream's process_mirage.py writes them. */
  const mirageRow = (index: number, question: string, target: string, source = "medqa") => ({
    data_source: source,
    ability: "fact-reasoning",
    reward_model: { style: "rule", ground_truth: { question, target: [target], gt_docs: [] } },
    extra_info: { split: "test", index: `000${index}` },
  });

  it("upstream's parquet of MIRAGE: options below the question, the gold answer one of them", async () => {
    const rows = [
      mirageRow(
        7,
        "Which vitamin is made in sunlight?\nOptions:\nA: Vitamin A\nB: Vitamin D\nC: Vitamin K\n",
        "B: Vitamin D",
      ),
      mirageRow(8, "Does it?\nOptions:\nA: yes\nB: no\nC: maybe\n", "C: maybe", "pubmedqa"),
    ];
    const content = new Uint8Array(
      parquetWriteBuffer({
        columnData: Object.keys(rows[0]!).map((name) => ({
          name,
          data: rows.map((row) => row[name as keyof typeof row]),
          type: typeof rows[0]![name as "ability"] === "string" ? "STRING" : "JSON",
        })),
      }),
    );
    const file = await read("mirage.parquet", content);
    expect(file.problems).toEqual([]);
    expect(file.mapping.type).toBe("data_source");
    expect(records(file)).toMatchObject([
      {
        id: "medqa-0007",
        question: "Which vitamin is made in sunlight?",
        answers: ["Vitamin D"],
        type: "medqa",
        options: {
          choices: [
            { letter: "A", text: "Vitamin A" },
            { letter: "B", text: "Vitamin D" },
            { letter: "C", text: "Vitamin K" },
          ],
          answer: "B",
        },
      },
      { id: "pubmedqa-0008", question: "Does it?", answers: ["maybe"], options: { answer: "C" } },
    ]);
    expect(records(file).map(({ options }) => options!.asWritten)).toEqual([undefined, undefined]);
    expect(records(file).map(formatQuestionText)).toEqual(
      rows.map((row) => row.reward_model.ground_truth.question),
    );
    expect(file.warnings).toEqual([
      expect.stringMatching(/^2 questions with the options below its text.*"Which vitamin/),
    ]);
  });

  it("keeps a text of question and options that upstream would write otherwise as it was", async () => {
    const written = "Which? \n\nOptions:\nA. one\nof two lines\nC. three (A) x";
    const [question] = records(
      await read("a.jsonl", lines({ id: 1, question: written, answers: ["c. THREE (a) X", "C"] })),
    );
    expect(question).toMatchObject({
      question: "Which?",
      answers: ["three (A) x"],
      options: {
        choices: [
          { letter: "A", text: "one\nof two lines" },
          { letter: "C", text: "three (A) x" },
        ],
        answer: "C",
        asWritten: written,
      },
    });
    expect(formatQuestionText(question!)).toBe(written);
  });

  it("says where options stand in a question that no multiple choice can be read of", async () => {
    const listWarnings = async (question: string, answer = "x") => {
      const file = await read("a.jsonl", lines({ id: 1, question, answers: [answer] }));
      return [records(file)[0]!.question, records(file)[0]!.options, ...file.warnings];
    };
    const dropped = expect.stringMatching(
      /^1 question with "Options:" below its text of which no/,
    ) as string;
    for (const [below, answer] of [
      ["A. x", "x"],
      ["A: x\nB: y", "z"],
      ["A: x\nB: x", "x"],
    ] as const)
      expect(await listWarnings(`Which?\nOptions:\n${below}`, answer)).toEqual([
        "Which?",
        undefined,
        dropped,
      ]);
    const within = expect.stringMatching(
      /^1 question in whose text options seem to stand/,
    ) as string;
    for (const question of [
      "Which? A) x B) y",
      "Which? (A) x (B) y",
      "Which?\nA. x\nB. y",
      "Which? A. x B. y C. z",
      "Which? Options: A: x B: y",
    ])
      expect(await listWarnings(question), question).toEqual([question, undefined, within]);
    for (const question of [
      "Who is A. B. Yehoshua?",
      "Is vitamin A or B better?",
      "Who sang Side A: Love?",
    ])
      expect(await listWarnings(question), question).toEqual([question, undefined]);
  });

  it("two questions with one stem and other options are two", async () => {
    const ask = (id: number, ...texts: string[]) => ({
      id,
      question: "Which is true?",
      options: texts,
      answer: texts[0],
    });
    const file = await read("a.jsonl", lines(ask(1, "x", "y"), ask(2, "v", "w")));
    expect([records(file).length, file.warnings]).toEqual([2, []]);
    expect((await read("a.jsonl", lines(ask(1, "x", "y"), ask(2, "x", "y")))).warnings).toEqual([
      expect.stringContaining("asked more than once"),
    ]);
  });

  it("names every row that cannot be used, and where it stands", async () => {
    const file = await read(
      "a.jsonl",
      lines(
        { id: 1, question: "Q?", answers: ["x"] },
        "{oops",
        { id: 1, question: "R?", answers: ["x"] },
        "",
        { id: 2, question: " ", answers: [] },
        { id: 3, question: "Q?", answers: ["y"] },
      ),
    );
    expect(records(file)).toHaveLength(2);
    expect(file.problems.map(({ where, message }) => `${where} ${message}`)).toEqual([
      "line 2 is not JSON: {oops (has no quoted key at character 2)",
      'line 3 repeats the id "1" of line 1',
      expect.stringMatching(/^line 5 .*question.*must not be empty.*answers.*at least one answer/),
    ]);
    expect(file.warnings).toEqual([expect.stringContaining("asked more than once")]);
    await expect(read("a.xyz", "what is this")).rejects.toThrow(/Give its format/);
    await expect(read("a.jsonl", new Uint8Array([0xff, 0xfe, 0x41]))).rejects.toThrow(/not UTF-8/);
    expect((await read("b.csv", "a,b\n1,2\n")).undecided).toEqual([
      expect.stringMatching(/hold the questions.*The columns: a, b/),
      expect.stringContaining("hold the answers"),
      expect.stringContaining("hold the ids"),
    ]);
    expect(
      (
        await read(
          "m.jsonl",
          lines({ id: 1, question: "Q", options: { A: "x", B: "y" }, answer: "C" }),
        )
      ).problems[0]!.message,
    ).toContain('"C" is none of its options');
  });

  it.skipIf(!existsSync(SETS_DIR))(
    "real slices of 2wiki, hotpotqa and pubmedqa (../shared/data)",
    async () => {
      for (const [set, count, withGold] of [
        ["2wiki", 700, 664],
        ["hotpotqa", 300, 300],
        ["pubmedqa", 1000, 1000],
      ] as const) {
        const file = await read(
          "questions.jsonl",
          readFileSync(join(SETS_DIR, set, "questions.jsonl")),
        );
        expect(file.problems, set).toEqual([]);
        expect(records(file), set).toHaveLength(count);
        expect(
          records(file).filter(({ goldIds }) => goldIds.length > 0),
          set,
        ).toHaveLength(withGold);
      }
    },
  );
});
