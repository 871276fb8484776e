import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { questionReadingSchema } from "@/contracts/formats/question-file";
import { readQuestionFile, type QuestionFile } from "./read-question-file";

const read = (
  fileName: string,
  content: string | Uint8Array,
  mapping = {},
): Promise<QuestionFile> =>
  readQuestionFile({
    fileName,
    content: typeof content === "string" ? new TextEncoder().encode(content) : content,
    format: "auto",
    reading: questionReadingSchema.parse({}),
    mapping,
  });
const records = (file: QuestionFile) =>
  file.parts.flatMap(({ questions }) => questions.map(({ record }) => record));
const problems = (file: QuestionFile) =>
  file.problems.map(({ where, message }) => `${where} ${message}`);

describe("values of question files of which it cannot be told what was meant", () => {
  it("a key that comes twice is a problem of its row alone", async () => {
    const rows = [
      '{"id":"1","question":"a?","answers":["x"]}',
      '{"id":"2","question":"a?","question":"b?","answers":["x"]}',
      '{"id":"3","question":"c?","answers":["x"],"metadata":{"type":"a","type":"b","score":0.50}}',
      '{"id":"4","question":"says \\"question\\": twice?","answers":["x"]}',
    ];
    for (const [name, text, where] of [
      ["q.jsonl", rows.join("\n"), ["line 2", "line 3"]],
      ["q.json", `[\n${rows.join(",\n")}\n]`, ["line 3", "line 4"]],
    ] as const) {
      const file = await read(name, text);
      expect(records(file).map(({ id }) => id)).toEqual(["1", "4"]);
      expect(problems(file)).toEqual([
        `${where[0]} holds the key "question" twice in one object at character 27: which value is meant cannot be told`,
        `${where[1]} holds the key "type" twice in one object at character 66: which value is meant cannot be told`,
      ]);
    }
    const only = await read(
      "q.jsonl",
      '{"id":"2","question":"a?","question":"b?","answers":["x"]}',
    );
    expect(problems(only)[0]).toMatch(/^line 1 holds the key "question" twice/);
    const cell = await read(
      "q.csv",
      `id,question,answers\n1,a?,"{""text"": ""x"", ""text"": ""y""}"\n2,b?,"{'text': 'x', 'text': 'y'}"\n3,c?,x\n`,
    );
    expect(records(cell).map(({ id }) => id)).toEqual(["3"]);
    expect(problems(cell)[0]).toContain('holds the key "text" twice');
  });

  it("ids that a spreadsheet rounded are told with their lines, and never two rows made one", async () => {
    const file = await read(
      "q.csv",
      "id,question,answers,gold_ids\n1.23457E+12,a?,x,1.23457E+12\nq2,b?,x,7\n1.23457E+12,c?,x,9\n",
    );
    expect(records(file).map(({ question }) => question)).toEqual(["a?", "b?"]);
    expect(problems(file)).toEqual([
      'line 4 repeats the id "1.23457E+12" of line 2: a spreadsheet may have rounded both',
    ]);
    expect(file.warnings).toEqual([
      expect.stringMatching(/^2 ids as a spreadsheet writes .* \(line 2: 1.23457E\+12, line 4: /),
      expect.stringMatching(/^1 gold id as a spreadsheet writes .* \(line 2: 1.23457E\+12\)/),
    ]);
    const zeros = await read(
      "q.jsonl",
      '{"id":1234567890123450000,"question":"a?","answers":["x"]}\n{"id":987654321098765000,"question":"b?","answers":["x"]}',
    );
    expect(records(zeros).map(({ id }) => id)).toEqual([
      "1234567890123450000",
      "987654321098765000",
    ]);
    expect(zeros.warnings[0]).toMatch(/^2 ids .*line 1: 1234567890123450000, line 2: /);
    const exact = await read(
      "q.csv",
      "id,question,answers\n1234567890123450,a?,x\n1234567890123457,b?,x\n",
    );
    expect(exact.warnings).toEqual([]);
  });

  it("answers of decimals within lists and structs of parquet are digit by digit what was written", async () => {
    const optional = { repetition_type: "OPTIONAL" } as const;
    const file = parquetWriteBuffer({
      schema: [
        { name: "root", num_children: 3 },
        { name: "id", type: "BYTE_ARRAY", converted_type: "UTF8", ...optional },
        { name: "question", type: "BYTE_ARRAY", converted_type: "UTF8", ...optional },
        { name: "answers", converted_type: "LIST", num_children: 1, ...optional },
        { name: "list", num_children: 1, repetition_type: "REPEATED" },
        {
          name: "element",
          type: "INT64",
          converted_type: "DECIMAL",
          precision: 18,
          scale: 3,
          ...optional,
        },
      ],
      columnData: [
        { name: "id", data: ["1"] },
        { name: "question", data: ["How much?"] },
        { name: "answers", data: [[1500n, 90071992547409931n]] },
      ],
    } as unknown as Parameters<typeof parquetWriteBuffer>[0]);
    const read1 = await read("q.parquet", new Uint8Array(file));
    expect(records(read1)[0]!.answers).toEqual(["1.500", "90071992547409.931"]);
  });

  it("files that hold their questions in another way are read, or say how to write them", async () => {
    const question = { question: "a?", answers: ["x"] };
    const byId = await read("q.json", JSON.stringify({ q1: question, q2: { ...question, id: 7 } }));
    expect([byId.format, records(byId).map(({ id }) => id)]).toEqual(["jsonl", ["q1", "7"]]);
    for (const name of ["q.csv", "q.tsv.gz", "q"]) {
      const file = await read(name, JSON.stringify({ id: 1, ...question }));
      expect([file.format, records(file).length]).toEqual(["jsonl", 1]);
    }
    for (const [content, message] of [
      [{ id: { 0: 1 }, question: { 0: "a?" }, answers: { 0: ["x"] } }, 'orient="records"'],
      [{ id: [1], question: ["a?"], answers: [["x"]] }, 'orient="records"'],
      [{ version: "1", data: [{ id: 1, ...question }] }, 'in a list under "data"'],
    ] as const)
      await expect(read("q.json", JSON.stringify(content))).rejects.toThrow(message);
    const one = await read("q.json", JSON.stringify({ id: 1, ...question, data: [{}] }));
    expect(records(one)).toHaveLength(1);
  });

  it("titles that are numbers are titles where a column is called so, and what is none is a problem", async () => {
    const rows = [
      { goldTitles: [1984, "U"] },
      { goldTitles: [[1984, 0]] },
      { goldTitles: "[1984]" },
      { supporting_facts: { title: [1984], sent_id: [0] } },
      { paragraphs: [{ title: 1984 }, { title: "V", is_supporting: false }] },
      // Positions, as upstream's cube sets have them.
      { reward_model: { ground_truth: { gt_docs: [7, 8] } } },
      { goldTitles: { T: 1 } },
      { goldTitles: [{ name: "T" }] },
    ];
    const titles = await Promise.all(
      rows.map(async (row) => {
        const line = JSON.stringify({ id: "1", question: "a?", answers: ["x"], ...row });
        const file = await read("q.jsonl", line);
        return file.parts[0]?.questions[0]?.goldTitles ?? problems(file)[0];
      }),
    );
    expect(titles).toEqual([
      ["1984", "U"],
      ["1984"],
      ["[1984]"],
      ["1984"],
      ["1984"],
      [],
      expect.stringContaining("goldTitles holds a dictionary (T)"),
      expect.stringContaining("goldTitles holds a dictionary (name)"),
    ]);
    const table = await read("q.csv", 'id,question,answers,gold_titles\n1,a?,x,"[1984, 1985]"\n');
    expect(table.parts[0]!.questions[0]!.goldTitles).toEqual(["1984", "1985"]);
  });
});
