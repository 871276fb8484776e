import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { importCorpus } from "@/gpu-workers/corpora/import/import-corpus";

/** An import in a process of its own, to be killed: DATA_DIR NAME RUN_ID PATH. Says "going on" with every report. */
const [dataDir = "", name = "", runId = "", path = ""] = process.argv.slice(2);
const source = corpusSourceSchema.parse({ kind: "path", path });
if (source.kind === "installed") throw new Error("not a source");
await importCorpus({
  dataDir,
  importRoots: [path],
  name,
  source,
  runId,
  signal: new AbortController().signal,
  onProgress: (detail) => void process.stdout.write(`going on: ${detail}\n`),
  log: (message) => void process.stdout.write(`${message}\n`),
  fetchUpload: () => Promise.reject(new Error("no uploads here")),
  journalMs: 20,
  progressMs: 10,
});
process.stdout.write("done\n");
