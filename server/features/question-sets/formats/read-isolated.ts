import { AppError, fromWireError } from "@/contracts/errors";
import { runIsolated } from "@/lib/isolated-process";
import type { QuestionFileAnswer } from "./question-file-program";
import type { QuestionFile, ReadOptions } from "./read-question-file";

/** The largest file's questions, with its text beside them. */
const LIMITS = { memoryBytes: 3 * 1024 ** 3, silenceMs: 120_000 };

/**
 * Reads a question file in a process of its own, so that the server goes on answering meanwhile.
 * @throws AppError "invalid-input" as `readQuestionFile` does, and where reading takes too long or too much memory
 */
export async function readQuestionFileIsolated(options: ReadOptions): Promise<QuestionFile> {
  let file: QuestionFile | null = null;
  for await (const answer of runIsolated<ReadOptions, QuestionFileAnswer>({
    program: new URL("./question-file-program.ts", import.meta.url),
    request: options,
    getSubject: () => options.fileName,
    limits: LIMITS,
    toError: fromWireError,
  })) {
    if ("file" in answer) ({ file } = answer);
    else file?.parts[answer.part]?.questions.push(...answer.questions);
  }
  if (file === null) throw new AppError("internal", `${options.fileName}: no answer came.`);
  return file;
}
