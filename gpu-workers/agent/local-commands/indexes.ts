import { join } from "node:path";
import { type Command, Option } from "commander";
import { ATLAS_DIR, DATA_DIR } from "@/lib/paths.mjs";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { adoptIndex } from "@/gpu-workers/retrieval/indexes/faiss/adopt-index";
import { print } from "./terminal";

interface AdoptCommandOptions {
  corpus: string;
  encoder: string;
  weights: string;
  kind: string;
}

/** `index adopt`: uses a FAISS index that was made elsewhere. */
export function addIndexCommands(program: Command): void {
  program
    .command("index")
    .description("indexes on this machine")
    .command("adopt <file...>")
    .description(
      "use a FAISS index file (or its parts, or their folder) as it is: row i is document i of the corpus",
    )
    .requiredOption("--corpus <name>", "corpus that it is of")
    .requiredOption("--encoder <name>", "encoder that made it")
    .addOption(
      new Option("--weights <variant>", "weights that encode the queries")
        .choices(["fp32", "int8"])
        .default("fp32"),
    )
    .option("--kind <factory>", "FAISS factory string of the file", "Flat")
    .action(async (files: string[], options: AdoptCommandOptions) => {
      const { directory, count, dim, mapped } = await adoptIndex({
        files,
        corpusPath: getCorpusPath(options.corpus, { atlasDir: ATLAS_DIR, dataDir: DATA_DIR }),
        encoder: options.encoder,
        variant: options.weights,
        factory: options.kind,
        indexDir: join(DATA_DIR, "indexes"),
        onProgress: print,
      });
      print(`${count} vectors of length ${dim}${mapped ? ", memory-mapped" : ""}: ${directory}`);
    });
}
