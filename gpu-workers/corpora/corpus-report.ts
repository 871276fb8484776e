import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CorpusReport, IndexReport } from "@/contracts/worker-protocol/corpus-report";
import { CorpusFile } from "./file/corpus-file";
import { readRowHeader } from "./file/row-file";
import { getCorpusPath, listInstalledCorpora, type CorpusFolders } from "./installed-corpora";
import { readCorpusManifest } from "./import/import-corpus";

/** Files that were put into the data folder by hand are read for the report up to this size; larger ones once they were opened. */
const READ_UP_TO_BYTES = 64 * 1024 * 1024;
const SAMPLES = 5;
const SAMPLE_CHARACTERS = 600;

/** What any index writes into its folder about itself; everything else in it is the index's own. */
const indexManifestSchema = z.looseObject({
  corpusHash: z.string(),
  description: z.string().optional(),
  kind: z.string().optional(),
  encoder: z.string().optional(),
  factory: z.string().optional(),
  /** Of its one file, or of each of several. */
  bytes: z
    .union([
      z.number().nonnegative(),
      z
        .record(z.string(), z.number().nonnegative())
        .transform((files) => Object.values(files).reduce((sum, size) => sum + size, 0)),
    ])
    .optional(),
  builtAt: z.number().optional(),
});

/** Reports the corpora and indexes of a worker. Remembers what it has read, by size and time of the files. */
export class CorpusReporter {
  private readonly known = new Map<
    string,
    { state: string; report: Omit<CorpusReport, "indexes"> }
  >();

  constructor(private readonly folders: CorpusFolders) {}

  /** Changes whenever something may have to be reported anew. Cheap: looks at folders and files, reads none. */
  async readState(): Promise<string> {
    const { dataDir } = this.folders;
    const indexes = await readdir(join(dataDir, "indexes")).catch(() => []);
    const names = await listInstalledCorpora(this.folders);
    const states = await Promise.all(names.map((name) => this.readCorpusState(name)));
    return JSON.stringify([
      names,
      states,
      indexes.filter((name) => !/\.(lock|building|stale)/.test(name)).sort(),
    ]);
  }

  /** All corpora, each with its indexes. One that cannot be read is reported by its name alone. */
  async buildReports(): Promise<CorpusReport[]> {
    const [names, indexes] = await Promise.all([
      listInstalledCorpora(this.folders),
      this.listIndexes(),
    ]);
    const reports: CorpusReport[] = [];
    for (const name of names) {
      const report = await this.getReport(name).catch((): Omit<CorpusReport, "indexes"> => ({
        name,
        hash: null,
        documents: null,
        bytes: 0,
        samples: [],
        manifest: null,
      }));
      reports.push({
        ...report,
        indexes: indexes.filter((index) => index.corpusHash === report.hash),
      });
    }
    return reports;
  }

  private async readCorpusState(name: string): Promise<string> {
    const entry = await stat(getCorpusPath(name, this.folders)).catch(() => null);
    return entry ? `${entry.size} ${entry.mtimeMs}` : "gone";
  }

  private async getReport(name: string): Promise<Omit<CorpusReport, "indexes">> {
    const state = await this.readCorpusState(name);
    const known = this.known.get(name);
    if (known?.state === state) return known.report;
    const report = await this.buildReport(name);
    this.known.set(name, { state, report });
    return report;
  }

  private async buildReport(name: string): Promise<Omit<CorpusReport, "indexes">> {
    const path = getCorpusPath(name, this.folders);
    const { size: bytes, mtimeMs } = await stat(path);
    const manifest = await readCorpusManifest(join(this.folders.dataDir, "corpora", name));
    const saved = await readRowHeader(path, { bytes, mtimeMs });
    if (!saved && bytes > READ_UP_TO_BYTES)
      return {
        name,
        hash: manifest?.hash ?? null,
        documents: manifest?.documents ?? null,
        bytes,
        samples: [],
        manifest,
      };
    const corpus = await CorpusFile.open(path);
    try {
      const rows = Array.from({ length: Math.min(SAMPLES, corpus.size) }, (_, i) =>
        Math.floor((i * corpus.size) / Math.min(SAMPLES, corpus.size)),
      );
      const samples = (await corpus.readRows(rows)).map(({ id, title, text }) => ({
        id,
        title,
        text: text.length > SAMPLE_CHARACTERS ? `${text.slice(0, SAMPLE_CHARACTERS)}…` : text,
      }));
      return { name, hash: corpus.hash, documents: corpus.size, bytes, samples, manifest };
    } finally {
      await corpus.close();
    }
  }

  private async listIndexes(): Promise<IndexReport[]> {
    const root = join(this.folders.dataDir, "indexes");
    const found: IndexReport[] = [];
    for (const key of await readdir(root).catch(() => [])) {
      if (key.startsWith(".")) continue; // being removed
      const path = join(root, key, "manifest.json");
      try {
        const [text, entry] = await Promise.all([readFile(path, "utf8"), stat(path)]);
        const manifest = indexManifestSchema.parse(JSON.parse(text));
        found.push({
          key,
          corpusHash: manifest.corpusHash,
          description:
            manifest.description ??
            ([
              manifest.encoder,
              manifest.factory ?? (manifest.kind === "bm25" ? "BM25" : manifest.kind),
            ]
              .filter(Boolean)
              .join(", ") ||
              "index"),
          bytes: manifest.bytes ?? (await countBytes(join(root, key))),
          builtAt: manifest.builtAt ?? entry.mtimeMs,
        });
      } catch {
        // Being built, a lock, or damaged: opening it says what is wrong.
      }
    }
    return found.sort((a, b) => b.builtAt - a.builtAt);
  }
}

/** Bytes of the files of a folder. */
async function countBytes(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map((name) =>
      stat(join(folder, name)).then((entry) => (entry.isFile() ? entry.size : 0)),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
