import { z } from "zod";
import { defineSetting } from "./setting";

/** How documents are found. The kinds share their settings, so that a hybrid is described by those of its two sides. */

const dense = {
  encoder: defineSetting(
    z.string().min(1).default("minilm"),
    "Encoder",
    "Sentence encoder whose similarity ranks the documents: a preset's name or a model folder on the worker.",
    { paper: "E5-base-v2" },
  ),
  variant: defineSetting(
    z.enum(["fp32", "int8"]).default("fp32"),
    "Weights",
    "int8 encodes faster on a CPU; its ranking differs slightly from fp32 (see the retrieval bench).",
  ),
  index: defineSetting(
    z.string().trim().min(1).max(120).default("auto"),
    "Index",
    "FAISS factory string, e.g. `Flat`, `IVF4096,Flat`, `HNSW32`, `IVF4096,PQ48`; `auto` chooses by the corpus' size and the worker's memory.",
    { paper: "Flat" },
  ),
  nprobe: defineSetting(
    z.int().min(1).max(65_536).default(32),
    "Lists searched",
    "IVF: lists that are searched (nprobe). More is slower and finds more.",
    { advanced: true },
  ),
  efSearch: defineSetting(
    z.int().min(1).max(65_536).default(128),
    "Search breadth",
    "HNSW: candidates kept while searching (efSearch).",
    { advanced: true },
  ),
};

const bm25 = {
  k1: defineSetting(
    z.number().min(0).max(10).default(0.9),
    "BM25 k1",
    "How fast a repeated term saturates.",
    { paper: "0.9 (Pyserini)" },
  ),
  b: defineSetting(
    z.number().min(0).max(1).default(0.4),
    "BM25 b",
    "How much long documents are held back.",
    { paper: "0.4 (Pyserini)" },
  ),
  operators: defineSetting(
    z.boolean().default(false),
    "Boolean operators",
    'AND, OR, NOT, parentheses and "phrases" in a query are obeyed, as DeepRetrieval writes them; off: they are words.',
    { advanced: true },
  ),
};

const rerank = {
  reranker: defineSetting(
    z.string().trim().min(1).nullable().default(null),
    "Reranker",
    "Cross-encoder that orders the first documents anew: a preset's name or a model folder on the worker; empty: none.",
  ),
  rerankDepth: defineSetting(
    z.int().min(1).max(1000).default(50),
    "Reranked documents",
    "How many of the first documents the reranker reads.",
    { advanced: true },
  ),
};

/** Search services that the kind `online` knows (gpu-workers/retrieval/backends/online/providers.ts). */
const ONLINE_PROVIDERS = ["searxng", "serper", "google-cse", "tavily"] as const;
export type OnlineProvider = (typeof ONLINE_PROVIDERS)[number];

const credentialSchema = defineSetting(
  z
    .string()
    .regex(
      /^[A-Z_][A-Z0-9_]*$/,
      "the NAME of an environment variable, e.g. OPENSEARCH_API_KEY; never the key itself",
    )
    .nullable()
    .default(null),
  "Key variable",
  "Environment variable on the worker that holds the API key, sent only where the worker was started with --credential for the address; the key itself is never stored.",
  { advanced: true },
);

export const retrieverSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("dense"), ...dense, ...rerank }),
    z.strictObject({ kind: z.literal("bm25"), ...bm25, ...rerank }),
    z.strictObject({
      kind: z.literal("hybrid"),
      fusion: defineSetting(
        z.enum(["rrf", "weighted"]).default("rrf"),
        "Fusion",
        "`rrf`: reciprocal rank fusion; `weighted`: a weighted sum of both scores, each scaled to 0..1 within the query.",
      ),
      depth: defineSetting(
        z.int().min(1).max(1000).default(100),
        "Depth",
        "Documents taken from each side before they are fused.",
      ),
      rrfK: defineSetting(
        z.int().min(0).max(1000).default(60),
        "RRF constant",
        "A document at rank r counts 1 / (k + r).",
        { advanced: true },
      ),
      denseWeight: defineSetting(
        z.number().min(0).max(1).default(0.5),
        "Weight of the dense side",
        "The rest is BM25's.",
      ),
      ...dense,
      ...bm25,
      ...rerank,
    }),
    z.strictObject({
      kind: z.literal("remote"),
      url: defineSetting(
        z.url({ protocol: /^https?$/ }),
        "Address",
        "A server that answers POST /retrieve as upstream's does.",
      ),
    }),
    z.strictObject({
      kind: z.literal("opensearch"),
      url: defineSetting(
        z.url({ protocol: /^https?$/ }),
        "Address",
        "An OpenSearch or Elasticsearch server, e.g. http://127.0.0.1:9200.",
      ),
      index: defineSetting(
        z.string().trim().min(1).max(255),
        "Index",
        "Its index that holds the passages.",
      ),
      titleField: defineSetting(
        z.string().trim().min(1).default("title"),
        "Title field",
        "Field of the title.",
      ),
      textField: defineSetting(
        z.string().trim().min(1).default("text"),
        "Text field",
        "Field of the passage.",
      ),
      credential: credentialSchema,
    }),
    z.strictObject({
      kind: z.literal("qdrant"),
      url: defineSetting(
        z.url({ protocol: /^https?$/ }),
        "Address",
        "A Qdrant server, e.g. http://127.0.0.1:6333.",
      ),
      collection: defineSetting(
        z.string().trim().min(1).max(255),
        "Collection",
        "Its collection that holds the passages; their payload has `title` and `text`.",
      ),
      encoder: dense.encoder,
      variant: dense.variant,
      credential: credentialSchema,
    }),
    z.strictObject({
      kind: z.literal("online"),
      provider: defineSetting(
        z.enum(ONLINE_PROVIDERS).default("searxng"),
        "Provider",
        "Search service whose results are the documents: address, title and snippet. `searxng`: your own SearXNG, without a key; `serper`, `google-cse`, `tavily`: hosted, with a key. Results come under the provider's terms and those of the pages: look whether they allow to store, use and publish them, as episodes hold them.",
      ),
      url: defineSetting(
        z.url({ protocol: /^https?$/ }),
        "Address",
        "Of your SearXNG, with the format json allowed, e.g. http://127.0.0.1:8888; of the others https://google.serper.dev, https://www.googleapis.com, https://api.tavily.com.",
      ),
      engineId: defineSetting(
        z.string().trim().min(1).max(200).nullable().default(null),
        "Engine id",
        "Of `google-cse`: the id (cx) of its Programmable Search Engine.",
      ),
      credential: credentialSchema,
      requestsPerSecond: defineSetting(
        z.number().min(0.01).max(1000).default(1),
        "Requests a second",
        "To the provider, by all runs of a worker together.",
        { advanced: true },
      ),
      requestBudget: defineSetting(
        z.int().min(1).max(10_000_000).default(1000),
        "Request budget",
        "Requests that a worker may send for one snapshot, failed ones included; then searches that are not kept fail.",
        { advanced: true },
      ),
      snapshot: defineSetting(
        z.string().trim().min(1).max(60).default("1"),
        "Snapshot",
        "Name under which the worker keeps results: what was asked once is not asked again. Another name asks the web of today.",
        { advanced: true },
      ),
    }),
  ])
  .superRefine((config, context) => {
    if (config.kind !== "online") return;
    const { provider, engineId, credential } = config;
    const refuse = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (provider === "google-cse" && engineId === null)
      refuse("engineId", "give the id (cx) of your Programmable Search Engine");
    if (provider !== "searxng" && credential === null)
      refuse("credential", `name the worker's variable with the key for ${provider}`);
  })
  .prefault({ kind: "dense" })
  .meta({ title: "Retriever", description: "How documents are found." });
export type RetrieverConfig = z.infer<typeof retrieverSchema>;
export type RetrieverConfigOfKind<K extends RetrieverConfig["kind"]> = Extract<
  RetrieverConfig,
  { kind: K }
>;

/** Whether the worker itself must hold the corpus; the other kinds search on another server. */
export const searchesLocally = (
  config: RetrieverConfig,
): config is RetrieverConfigOfKind<"dense" | "bm25" | "hybrid"> =>
  config.kind === "dense" || config.kind === "bm25" || config.kind === "hybrid";

/** Whether documents can be read by their ids: neither /retrieve nor an online search has a way to. */
export const looksUpDocuments = ({ kind }: Pick<RetrieverConfig, "kind">): boolean =>
  kind !== "remote" && kind !== "online";
