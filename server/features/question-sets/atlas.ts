import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { AppError } from "@/contracts/errors";
import { parseCorpusLine } from "@/contracts/formats/corpus-lines";
import type { Catalogue } from "./catalogue";
import { parseQuestionFile } from "./question-file";

/** Stores the embedded corpus and its question sets at the first start; a start after that changes nothing. */
export async function importAtlas(
  catalogue: Catalogue,
  directory: string,
  log: Logger,
): Promise<void> {
  const read = async (file: string): Promise<string> => {
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
  const documents = (await read("corpus.jsonl"))
    .split("\n")
    .flatMap((line, i) => (line.trim() === "" ? [] : [parseCorpusLine(line, i + 1)]));
  if (await catalogue.storeCorpus("atlas", documents, "server"))
    log.info({ documents: documents.length }, "stored corpus atlas");
  for (const split of ["train", "held-out"]) {
    const questions = parseQuestionFile(await read(`${split}.jsonl`));
    if (await catalogue.storeQuestionSet(`atlas/${split}`, questions, "server"))
      log.info({ questions: questions.length }, `stored question set atlas/${split}`);
  }
}
