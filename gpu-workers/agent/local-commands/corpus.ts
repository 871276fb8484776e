import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { ATLAS_DIR, DATA_DIR } from "@/lib/paths.mjs";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { pushCorpus } from "@/gpu-workers/retrieval/backends/push-corpus";
import { print, runInterruptibly } from "./terminal";

interface PushCommandOptions {
  to: "opensearch" | "qdrant";
  url: string;
  index?: string;
  encoder?: string;
  variant?: string;
  credential?: string;
  replace?: boolean;
}

/** `corpus push`: fills the server of a remote retriever from a corpus of this machine. */
export function addCorpusCommands(program: Command): void {
  program
    .command("corpus")
    .description("corpora on this machine")
    .command("push <corpus>")
    .description(
      "write a corpus (its name, or a JSONL file) into OpenSearch, Elasticsearch or Qdrant; the same command goes on after an interruption",
    )
    .addOption(
      new Option("--to <server>", "kind of server")
        .choices(["opensearch", "qdrant"])
        .makeOptionMandatory(),
    )
    .requiredOption("--url <address>", "address of the server")
    .option("--index <name>", "index or collection (default: the corpus' name)")
    .option("--encoder <name>", "Qdrant: encoder of the vectors (default: minilm)")
    .option("--variant <name>", "Qdrant: its weights, fp32 or int8 (default: fp32)")
    .option("--credential <variable>", "environment variable that holds the API key")
    .option("--replace", "write documents that are there already once more")
    .action(pushToServer);
}

async function pushToServer(name: string, options: PushCommandOptions): Promise<void> {
  const path = existsSync(name)
    ? name
    : getCorpusPath(name, { atlasDir: ATLAS_DIR, dataDir: DATA_DIR });
  const target = options.index ?? name;
  // Who types the command chooses both, on the machine that has the key.
  if (options.credential !== undefined)
    process.env.S3_CREDENTIALS = `${options.credential}=${new URL(options.url).origin}`;
  const own =
    options.to === "opensearch"
      ? { index: target }
      : { collection: target, encoder: options.encoder, variant: options.variant };
  const config = parseOrThrow(
    retrieverSchema,
    { kind: options.to, url: options.url, credential: options.credential, ...own },
    "The target",
  );
  if (config.kind !== "opensearch" && config.kind !== "qdrant")
    throw new AppError("internal", "no such target");
  const { read, written, total } = await runInterruptibly((signal) =>
    pushCorpus(path, config, {
      replace: options.replace,
      signal,
      onProgress: (done, sent) => process.stderr.write(`\r${done} documents read, ${sent} written`),
    }),
  );
  process.stderr.write("\n");
  print(`${read} documents: ${written} written now, ${total} in ${target}`);
}
