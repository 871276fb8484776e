import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type CorpusRecord, parseCorpusLine } from "@/contracts/formats/corpus-lines";
import { ATLAS_DIR, ROOT } from "@/lib/paths.mjs";

/** A set of questions with the passages that hold their evidence. */
export interface QuestionSet {
  name: string;
  passages: CorpusRecord[];
  questions: { text: string; gold: string[] }[];
}

const NAMES = ["2wiki", "hotpotqa", "pubmedqa"];
const questionSchema = z
  .object({
    question: z.string(),
    support: z.array(z.string()).optional(),
    goldIds: z.array(z.string()).optional(),
  })
  .transform(({ question: text, support, goldIds }) => ({ text, gold: support ?? goldIds ?? [] }));

/** The real sets where they lie beside the repository, else the Atlas corpus. */
export async function loadQuestionSets(): Promise<{ source: string; sets: QuestionSet[] }> {
  const folder = join(ROOT, "..", "shared", "data");
  if (NAMES.every((name) => existsSync(join(folder, name, "passages.jsonl")))) {
    const sets = await Promise.all(
      NAMES.map((name) =>
        readSet(name, join(folder, name, "passages.jsonl"), join(folder, name, "questions.jsonl")),
      ),
    );
    return { source: "2WikiMultihopQA, HotpotQA and PubMedQA", sets };
  }
  const atlas = await readSet(
    "atlas",
    join(ATLAS_DIR, "corpus.jsonl"),
    join(ATLAS_DIR, "held-out.jsonl"),
  );
  return { source: "Atlas (the real sets are not beside the repository)", sets: [atlas] };
}

async function readSet(
  name: string,
  passageFile: string,
  questionFile: string,
): Promise<QuestionSet> {
  const lines = async (file: string): Promise<string[]> =>
    (await readFile(file, "utf8")).trim().split("\n");
  const passages = (await lines(passageFile)).map((line, i) => parseCorpusLine(line, i + 1));
  const questions = (await lines(questionFile)).map((line) =>
    questionSchema.parse(JSON.parse(line)),
  );
  return { name, passages, questions };
}
