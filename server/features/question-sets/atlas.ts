import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { AppError } from "@/contracts/errors";
import { parseCorpusLine } from "@/contracts/formats/corpus-lines";
import type { StoredCorpora } from "@/server/features/corpora/stored-corpora";
import type { QuestionSets } from "./question-sets";
import { parseQuestionJsonl } from "./question-jsonl";

/** Stores the embedded corpus and its question sets at the first start; a start after that changes nothing. */
export async function importAtlas(
  { storedCorpora, questionSets }: { storedCorpora: StoredCorpora; questionSets: QuestionSets },
  directory: string,
  log: Logger,
): Promise<void> {
  const readText = async (file: string): Promise<string> => {
    try {
      return await readFile(join(directory, file), "utf8");
    } catch (cause) {
      throw new AppError(
        "not-found",
        `${join(directory, file)} cannot be read. Run \`npm start\`, whose set-up makes it.`,
        { cause },
      );
    }
  };
  const documents = (await readText("corpus.jsonl"))
    .split("\n")
    .flatMap((line, i) => (line.trim() === "" ? [] : [parseCorpusLine(line, i + 1)]));
  if (await storedCorpora.store("atlas", documents, "server"))
    log.info({ documents: documents.length }, "stored corpus atlas");
  for (const split of ["train", "held-out"]) {
    const questions = parseQuestionJsonl(await readText(`${split}.jsonl`));
    const { isNew } = await questionSets.store(`atlas/${split}`, questions, "server", {
      keepNewest: true,
    });
    if (isNew) log.info({ questions: questions.length }, `stored question set atlas/${split}`);
  }
}
