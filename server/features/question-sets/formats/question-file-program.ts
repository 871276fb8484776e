import { chunk } from "@/lib/chunk";
import type { MappedQuestion } from "./column-mapping";
import { readQuestionFile, type QuestionFile, type ReadOptions } from "./read-question-file";

/** What the process sends: the file without its questions, then the questions of each part. */
export type QuestionFileAnswer =
  { file: QuestionFile } | { part: number; questions: MappedQuestion[] };

/** Questions of a message: so many that taking one is quick. */
const BATCH = 500;

// A file may be wrong in each of its millions of lines, and nobody looks at the stack of such an error.
Error.stackTraceLimit = 0;

/** Reads a question file in a process of its own (lib/isolated-process). */
export default async function* read(options: ReadOptions): AsyncGenerator<QuestionFileAnswer> {
  const file = await readQuestionFile(options);
  const { parts } = file;
  yield { file: { ...file, parts: parts.map(({ name }) => ({ name, questions: [] })) } };
  for (const [part, { questions }] of parts.entries())
    for (const batch of chunk(questions, BATCH)) yield { part, questions: batch };
}
