import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, vi } from "vitest";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import { collectInTurn, testRecorded } from "@/lib/testing/recorded";
import { buildRetrieverKey, ServiceRegistry } from "@/gpu-workers/agent/services";
import { NO_SERVICES } from "@/gpu-workers/agent/testing/harness";
import { importCorpus } from "@/gpu-workers/corpora/import/import-corpus";
import { hashFile, hashText } from "@/lib/hash";
import { Bm25Index, computeBm25Key } from "@/gpu-workers/retrieval/indexes/bm25/bm25-index";
import type { Analysis } from "@/gpu-workers/retrieval/indexes/bm25/analyser";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import { CorpusDigest, CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import {
  buildIndexIdentity,
  computeIndexKey,
  DenseIndex,
  readIndexManifest,
} from "@/gpu-workers/retrieval/indexes/faiss/dense-index";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import { findEncoder } from "@/gpu-workers/retrieval/encoders/encoder-settings";
import { evaluateRetriever } from "@/gpu-workers/jobs/evaluate/evaluate";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import {
  OpenSearchConnection,
  OpenSearchRetriever,
} from "@/gpu-workers/retrieval/backends/opensearch";
import {
  computePointId,
  QdrantConnection,
  QdrantRetriever,
} from "@/gpu-workers/retrieval/backends/qdrant";
import { RemoteRetriever } from "@/gpu-workers/retrieval/backends/remote";
import { Reranker } from "@/gpu-workers/retrieval/encoders/reranker";
import { findReranker } from "@/gpu-workers/retrieval/encoders/reranker-settings";
import { getRowFilePath, saveRows } from "@/gpu-workers/corpora/file/row-file";
import { hash32, RowTable } from "@/gpu-workers/corpora/file/row-table";
import { QUESTION, RETRIEVER, SIGNAL, TOKENIZER_FILES, writeFiles } from "./key-inputs";
import { MemoryContext } from "./memory-context";

/** Hashes of corpora, fingerprints of encoders and rerankers, names of indexes, and keys of every retriever. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "key-stability-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Lines of a corpus, in the layouts that are read. */
const CORPUS = [
  '{"id": "a", "title": "Alpha", "text": "The first document."}',
  "",
  '{"id": 2, "contents": "\\"Beta\\"\\nThe second document."}',
  '{"id": "c", "title": null, "text": "Ünïcode \\u0001 text."}',
].join("\n");
const corpusPath = async (): Promise<string> =>
  join(await writeFiles(join(folder, "corpus"), { "corpus.jsonl": CORPUS }), "corpus.jsonl");

const ENCODER = { name: "enc", variant: "fp32", fingerprint: "encoder-fingerprint", dim: 4 };
const close = () => Promise.resolve();

const builtBm25 = new Map<Analysis, string>();

/** Builds a BM25 index of the corpus once, in a folder of the analysis' own. @returns the folder of all its indexes */
async function buildBm25(analysis: Analysis): Promise<string> {
  const built = builtBm25.get(analysis);
  if (built !== undefined) return built;
  const corpus = await CorpusFile.open(await corpusPath());
  const scan = async function* (from: number) {
    for await (const { record } of corpus.scanRows(from)) yield formatPassage(record);
  };
  const texts = { hash: corpus.hash, size: corpus.size, scan };
  const root = join(folder, analysis, "indexes");
  await (await Bm25Index.ensure(texts, { root, analysis })).close();
  await corpus.close();
  builtBm25.set(analysis, root);
  return root;
}

/**
 * Opens a retriever over the corpus, with an encoder and a reranker that need no weights.
 *
 * @param analysis of the BM25 index that is there already: keys of the first analysis stay what they were
 * @returns its key
 */
async function readOpenedKey(settings: object, analysis: Analysis = "english-1"): Promise<string> {
  vi.spyOn(Encoder, "load").mockResolvedValue({ ...ENCODER, close } as never);
  vi.spyOn(DenseIndex, "load").mockResolvedValue({ size: 3, dim: 4, close } as never);
  const reranker = { name: "r", fingerprint: "reranker-fingerprint", close };
  vi.spyOn(Reranker, "load").mockResolvedValue(reranker as never);
  const path = await corpusPath();
  const corpus = await CorpusFile.open(path);
  for (const factory of ["Flat", "IVF4,Flat", "HNSW32"]) {
    const key = computeIndexKey(buildIndexIdentity({ corpus, encoder: ENCODER }, factory));
    await writeFiles(join(folder, analysis, "indexes", key), { there: "" });
  }
  await corpus.close();
  await buildBm25(analysis);
  const opened = await openRetriever(retrieverSchema.parse(settings), {
    corpusPath: () => path,
    dataDir: join(folder, analysis),
  });
  const { key } = opened.describe();
  await opened.close();
  return key;
}

/** Retrievers of every kind by what a person gives; the rest are defaults. */
const RETRIEVERS: Record<string, object> = {
  dense: { kind: "dense" },
  "dense, all settings": {
    kind: "dense",
    encoder: "e5-base-v2",
    variant: "int8",
    index: "IVF4,Flat",
    nprobe: 8,
    efSearch: 64,
    reranker: "bge-reranker-base",
    rerankDepth: 20,
  },
  bm25: { kind: "bm25" },
  "bm25, all settings": { kind: "bm25", k1: 1.2, b: 0.75, operators: true, reranker: "r" },
  hybrid: { kind: "hybrid" },
  "hybrid, weighted": { kind: "hybrid", fusion: "weighted", depth: 50, denseWeight: 0.3 },
  remote: { kind: "remote", url: "http://retriever.test:3000/retrieve" },
  opensearch: { kind: "opensearch", url: "http://search.test:9200", index: "wiki" },
  qdrant: { kind: "qdrant", url: "http://vectors.test:6333", collection: "wiki" },
};
const parseSettings = (name: string) => retrieverSchema.parse(RETRIEVERS[name]);

const HEALTH = {
  status: "ready",
  retriever: "dense",
  corpus: "wiki",
  documents: 3,
  key: "served-key",
  limits: { queries: 512, queryCharacters: 9, topk: 9 },
};

/** @param health what the server says of itself; null where it says nothing */
async function readRemoteKey(url: string, health: object | null): Promise<string> {
  vi.stubGlobal("fetch", (address: URL) =>
    Promise.resolve(
      address.pathname.endsWith("/healthz")
        ? new Response(JSON.stringify(health ?? {}), { status: health ? 200 : 404 })
        : new Response('{"result": [[]]}'),
    ),
  );
  return (await RemoteRetriever.open(url)).describe().key;
}

async function openSearchKey(changes: object, fields: readonly string[]): Promise<string> {
  const searchable = { text: { searchable: true } };
  const index = (uuid: string) => ({ settings: { index: { uuid } } });
  vi.spyOn(OpenSearchConnection.prototype, "request")
    .mockResolvedValueOnce({ count: 3 })
    .mockResolvedValueOnce({ fields: Object.fromEntries(fields.map((f) => [f, searchable])) })
    .mockResolvedValueOnce({ b: index("u2"), a: index("u1") });
  const config = { ...parseSettings("opensearch"), ...changes } as never;
  return (await OpenSearchRetriever.open(config)).describe().key;
}

async function readQdrantKey(vectors: object): Promise<string> {
  const info = { status: "green", points_count: 2, config: { params: { vectors } } };
  vi.spyOn(QdrantConnection.prototype, "request").mockResolvedValueOnce(info);
  const loadEncoder = () => Promise.resolve({ ...ENCODER, close } as never);
  return (await QdrantRetriever.open(parseSettings("qdrant") as never, { loadEncoder })).describe()
    .key;
}

async function importFrom(name: string, path: string) {
  const source = corpusSourceSchema.parse({ kind: "path", path });
  const manifest = await importCorpus({
    dataDir: join(folder, "data"),
    importRoots: [path],
    name,
    source: source as Exclude<typeof source, { kind: "installed" }>,
    runId: "00000000-0000-4000-8000-0000000000aa",
    signal: SIGNAL,
    onProgress: () => undefined,
    log: () => undefined,
    fetchUpload: () => Promise.reject(new Error("no uploads here")),
  });
  // How the files were read is told to people and part of no key.
  const {
    source: from,
    importedAt: _at,
    memoryPerPassage: _memory,
    reading: _reading,
    ...rest
  } = manifest;
  return { ...rest, source: { ...from, from: from.from.replace(folder, "FOLDER") } };
}

testRecorded(new URL("./retrieval-key-stability.json", import.meta.url), {
  corpora: async () => {
    const path = await corpusPath();
    const corpus = await CorpusFile.open(path);
    const digest = new CorpusDigest();
    digest.add({ id: "a", title: "Alpha", text: "The first document." });
    const table = RowTable.createEmpty();
    for (const id of ["a", "2", "c"]) table.add(hash32(id));
    const starts = Float64Array.from([0, 61, 120, 180]);
    await saveRows(path, { bytes: 180, mtimeMs: 1 }, { hash: corpus.hash, starts, table });
    const rows = hashText((await readFile(getRowFilePath(path))).toString("latin1"));
    await rm(getRowFilePath(path));
    const documents = await corpus.getDocuments(["c", "2", "a"]);
    await corpus.close();
    const lines = { "one.jsonl": CORPUS, "two.jsonl": '{"id": "d", "text": "The fourth."}\n' };
    const sources = await writeFiles(join(folder, "sources"), lines);
    return {
      file: await hashFile(path),
      "content hash": corpus.hash,
      "digest of one document": digest.digest(),
      documents,
      "rows beside the file": rows,
      "imported file": await importFrom("one", join(sources, "one.jsonl")),
      "imported folder": await importFrom("two", sources),
    };
  },

  "encoders and rerankers": async () => {
    const described =
      '{"pooling": "mean", "normalise": true, "maxTokens": 256, "queryPrefix": "query: ", "passagePrefix": "passage: "}';
    const weights = {
      "model.onnx": "network",
      "model.onnx_data": "weights",
      "model-int8.onnx": "int8",
    };
    const tower = { ...TOKENIZER_FILES, ...weights, "encoder.json": described };
    const below = (side: string, files: object) =>
      Object.fromEntries(Object.entries(files).map(([name, text]) => [`${side}/${name}`, text]));
    const own = { ...tower, "model.onnx": "another network" };
    const write = (name: string, files: Record<string, string>) =>
      writeFiles(join(folder, name), files);
    const encoder = await write("encoder", tower);
    const towers = await write("towers", { ...below("query", own), ...below("passage", tower) });
    const sentence = await write("sentence", {
      ...TOKENIZER_FILES,
      "model.onnx": "network",
      "config.json": '{"max_position_embeddings": 128}',
      "modules.json":
        '[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}, {"type": "sentence_transformers.models.Normalize", "path": "2"}]',
      "1_Pooling/config.json": '{"pooling_mode_cls_token": true}',
      "config_sentence_transformers.json":
        '{"prompts": {"query": "q: "}, "similarity_fn_name": "cosine"}',
    });
    const bare = { ...TOKENIZER_FILES, "model.onnx": "network" };
    const [e5, minilm] = [await write("e5-base-v2", bare), await write("minilm", bare)];
    const reranker = await write("reranker", {
      ...bare,
      "model.onnx_data": "weights",
      "config.json":
        '{"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1, "sbert_ce_default_activation_function": "torch.nn.Sigmoid"}',
    });
    const found = async (name: string, directory: string, variant = "fp32") => {
      const files = await findEncoder(name, variant, directory);
      return { fingerprint: files.fingerprint, settings: files.passage.settings };
    };
    const { fingerprint, settings } = await findReranker("reranker", reranker);
    return {
      fp32: await found("encoder", encoder),
      int8: await found("encoder", encoder, "int8"),
      "two towers": await found("towers", towers),
      "files of sentence-transformers": await found("sentence", sentence),
      "facts of a preset": await found("e5-base-v2", e5),
      "facts of the default encoder": await found("minilm", minilm),
      reranker: { fingerprint, settings },
    };
  },

  indexes: async () => {
    const factories = ["Flat", "IVF4096,Flat", "HNSW32", "IVF4096,PQ48"];
    const corpus = { hash: "corpus-hash" };
    const identities = factories.map((name) =>
      buildIndexIdentity({ corpus, encoder: ENCODER }, name),
    );
    const manifest =
      '{"version": 2, "factory": "Flat", "corpusHash": "c", "encoderFingerprint": "e", "encoder": "minilm fp32", "count": 3, "dim": 4, "file": "vectors.faiss", "bytes": 9}';
    const stored = await writeFiles(join(folder, "stored"), { "manifest.json": manifest });
    return {
      identities,
      ...Object.fromEntries(
        identities.map((identity) => [identity.factory, computeIndexKey(identity)]),
      ),
      bm25: computeBm25Key("corpus-hash", "english-1"),
      "bm25, english-2": computeBm25Key("corpus-hash", "english-2"),
      "manifest of a stored index": await readIndexManifest(stored),
      "points in Qdrant": ["a", "2", "wiki 7"].map(computePointId),
    };
  },

  retrievers: () =>
    collectInTurn({
      flat: () => readOpenedKey({ kind: "dense", index: "Flat" }),
      "flat, chosen": () => readOpenedKey({ kind: "dense" }),
      IVF: () => readOpenedKey({ kind: "dense", index: "IVF4,Flat" }),
      "IVF, 2 lists": () => readOpenedKey({ kind: "dense", index: "IVF4,Flat", nprobe: 2 }),
      HNSW: () => readOpenedKey({ kind: "dense", index: "HNSW32" }),
      "HNSW, breadth 64": () => readOpenedKey({ kind: "dense", index: "HNSW32", efSearch: 64 }),
      bm25: () => readOpenedKey({ kind: "bm25" }),
      "bm25, all settings": () =>
        readOpenedKey({ kind: "bm25", k1: 1.2, b: 0.75, operators: true }),
      "bm25, english-2": () => readOpenedKey({ kind: "bm25" }, "english-2"),
      hybrid: () => readOpenedKey({ kind: "hybrid", index: "Flat" }),
      "hybrid, all of rrf": () =>
        readOpenedKey({ kind: "hybrid", index: "Flat", depth: 50, rrfK: 20 }),
      "hybrid, weighted": () => readOpenedKey({ ...RETRIEVERS["hybrid, weighted"], index: "Flat" }),
      reranked: () => readOpenedKey({ kind: "dense", index: "Flat", reranker: "r" }),
      "reranked bm25, depth 20": () =>
        readOpenedKey({ kind: "bm25", reranker: "r", rerankDepth: 20 }),
      "remote, by address, in its own order": () =>
        readRemoteKey("http://retriever.test:3000", null),
      "remote, by content": () => readRemoteKey("http://retriever.test:3000/retrieve", HEALTH),
      opensearch: () => openSearchKey({}, ["title", "text"]),
      "opensearch without titles": () => openSearchKey({ textField: "body" }, ["body"]),
      qdrant: () => readQdrantKey({ size: 4, distance: "Cosine" }),
      "qdrant, a distance": () => readQdrantKey({ dense: { size: 4, distance: "Euclid" } }),
    }),

  // Each build has a stamp of its own at the beginning of its files.
  "files of a BM25 index": async () => {
    const corpus = await CorpusFile.open(await corpusPath());
    const key = computeBm25Key(corpus.hash, "english-1");
    await corpus.close();
    const directory = join(await buildBm25("english-1"), key);
    const files = (await readdir(directory)).filter((name) => name.endsWith(".bin")).sort();
    const content = async (name: string) =>
      hashText((await readFile(join(directory, name))).subarray(16).toString("latin1"));
    const manifest = await readFile(join(directory, "manifest.json"), "utf8");
    return {
      ...(await collectInTurn(
        Object.fromEntries(files.map((name) => [name, () => content(name)])),
      )),
      manifest: { ...(JSON.parse(manifest) as object), stamp: "" },
    };
  },

  services: async () => {
    const ended = new Promise<string>(() => undefined);
    const start = () => Promise.resolve({ value: {} as never, address: null, stop: close, ended });
    const starters = {
      startEngine: start,
      startRetriever: start,
      startSampler: start,
      startVllm: start,
    };
    const registry = new ServiceRegistry({ ...NO_SERVICES, ...starters }, 1000);
    const served = { kind: "serve", what: "model", name: "s", server: { kind: "vllm" } };
    const vllm = (runConfigSchema.parse(served) as { server: object }).server as never;
    const options = { signal: SIGNAL, onLost: () => undefined };
    await registry.acquireEngine(options);
    await registry.acquireRetriever("atlas", parseSettings("dense"), options);
    const sampler = {
      model: "m",
      weights: { kind: "adapter", rank: 16 },
      memoryShare: 0.4,
      dtype: "bfloat16",
      placement: readSamplerPlacement({}),
    } as const;
    await registry.acquireSampler(sampler, options);
    await registry.acquireVllm("m", vllm, options);
    const reports = await registry.listReports();
    await registry.stopAll();
    const keys = (corpus: string) =>
      Object.keys(RETRIEVERS).map((name) => [name, buildRetrieverKey(corpus, parseSettings(name))]);
    return {
      reports: reports.map(({ key, kind }) => [key, kind]),
      ...(Object.fromEntries(keys("atlas")) as Record<string, string>),
    };
  },

  "retrieval evaluation": async () => {
    const config = { kind: "evaluate", name: "n", corpus: "c", questions: "set", k: 10 };
    const services = {
      acquireRetriever: () => Promise.resolve({ value: RETRIEVER, release: () => undefined }),
    };
    const questions = () => Promise.resolve([QUESTION]);
    const context = new MemoryContext({ config, services, workDir: "", questions } as never);
    context.readRankedQuestions = () => Promise.resolve(new Map<string, number[]>());
    await evaluateRetriever(context);
    return { episodes: context.records().map(({ episode }) => [episode.key, episode.method]) };
  },
});
