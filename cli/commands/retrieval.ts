import { join } from "node:path";
import { type Command, Option } from "commander";
import { planIndex, size } from "@/core/memory/index-plan";
import { ATLAS_DIR, DATA_DIR } from "@/lib/paths";
import { corpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { fetchEncoder } from "@/gpu-workers/retrieval/encoders/encoder-fetch";
import { adoptIndex } from "@/gpu-workers/retrieval/indexes/faiss/index-adopt";

/** Commands about encoders and indexes; they work on this machine's folders, without the server. */
export function addRetrievalCommands(program: Command, print: (text: string) => void): void {
  const encoder = program.command("encoder").description("encoders on this machine");
  encoder
    .command("fetch <name>")
    .description(
      "fetch an encoder: a preset's name, or owner/name of a repository with an ONNX export",
    )
    .option("--hub <url>", "another hub of the same layout")
    .action(async (name: string, options: { hub?: string }) => {
      let last = "";
      const onProgress = (file: string, bytes: number, total: number | null): void => {
        const line = `${file}: ${total === null ? size(bytes) : `${Math.floor((10 * bytes) / total) * 10}% of ${size(total)}`}`;
        if (line !== last && total !== null) print(line);
        last = line;
      };
      const { directory, sha256 } = await fetchEncoder(name, {
        hub: options.hub?.replace(/\/$/, ""),
        onProgress,
      });
      print(`${name} is in ${directory}`);
      for (const [file, sum] of Object.entries(sha256)) print(`${sum}  ${file}`);
    });

  const index = program.command("index").description("indexes on this machine");
  index
    .command("adopt <file...>")
    .description(
      "use a FAISS index file (or its parts in order) as it is: row i is document i of the corpus",
    )
    .requiredOption("--corpus <name>", "corpus that it is of")
    .requiredOption("--encoder <name>", "encoder that made it")
    .addOption(
      new Option("--weights <variant>", "weights that encode the queries")
        .choices(["fp32", "int8"])
        .default("fp32"),
    )
    .option("--kind <factory>", "FAISS factory string of the file", "Flat")
    .action(
      async (
        files: string[],
        options: { corpus: string; encoder: string; weights: string; kind: string },
      ) => {
        const path = corpusPath(options.corpus, { atlasDir: ATLAS_DIR, dataDir: DATA_DIR });
        const { directory, count, dim, mapped } = await adoptIndex({
          files,
          corpusPath: path,
          encoder: options.encoder,
          variant: options.weights,
          factory: options.kind,
          indexDir: join(DATA_DIR, "indexes"),
          onProgress: print,
        });
        print(`${count} vectors of length ${dim}${mapped ? ", memory-mapped" : ""}: ${directory}`);
      },
    );
  index
    .command("plan <passages>")
    .description("which index a corpus of that size gets, and what it costs")
    .option("--dim <n>", "length of a vector", (value) => Number.parseInt(value, 10), 768)
    .option("--memory <GiB>", "memory of the worker", Number, 16)
    .option("--kind <factory>", "a FAISS factory string instead", "auto")
    .action((passages: string, options: { dim: number; memory: number; kind: string }) => {
      const plan = planIndex({
        index: options.kind,
        count: Number(passages),
        dim: options.dim,
        memoryBytes: options.memory * 1024 ** 3,
      });
      print(
        `${plan.factory}: ${plan.reason}\nfile ${size(plan.fileBytes)}, memory to build ${size(plan.buildBytes)}, to search ${size(plan.searchBytes)}, disk ${size(plan.diskBytes)}`,
      );
    });
}
