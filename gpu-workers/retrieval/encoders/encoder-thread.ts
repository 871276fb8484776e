import { existsSync, readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";
import { AppError } from "@/contracts/errors";
import type { EncoderFiles, TowerFiles } from "./encoder-settings";
import { isStopping, serveThread, getThreadData } from "@/gpu-workers/runtime/thread";
import { TextTokenizer } from "@/gpu-workers/runtime/text-tokenizer";

/** A thread with the ONNX sessions of an encoder on one core (or a GPU): it tokenises, runs the model and pools. */
export type EncoderOperations = {
  /** Loads the tokenizer and weights for queries; answers the length of a vector. */
  load: { request: null; response: { dim: number } };
  /** Vectors of the texts, row-major [texts, dim], in the order of the texts. */
  encode: {
    request: { texts: string[]; kind: "query" | "passage" };
    response: Float32Array<ArrayBuffer>;
  };
};

/**
 * Padded tokens in one batch. Small batches fit into the core's cache and have little padding. Measured with fp32 on two
 * cores, passages of 100 tokens: 70 a second in batches of 2 or 4, 63 in batches of 8; one session over both cores with
 * batches of 16: 47. A GPU needs large batches.
 */
const BATCH_TOKENS = 384;
const GPU_BATCH_TOKENS = 16_384;

/** Whether this is an x64 processor without VNNI, or one of which that is not known. */
function lacksVnni(): boolean {
  if (process.arch !== "x64") return false;
  try {
    return !/\bavx(512)?_vnni\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return true;
  }
}

const chooseBatchTokens = ({ encodeAlone }: TowerFiles): number =>
  encodeAlone ? 1 : hasCuda ? GPU_BATCH_TOKENS : BATCH_TOKENS;

type Tower = {
  files: TowerFiles;
  session: InferenceSession;
  tokenizer: TextTokenizer;
  dim: number;
};

const files = getThreadData<EncoderFiles>();
const hasCuda =
  existsSync("/dev/nvidiactl") && listSupportedBackends().some(({ name }) => name === "cuda");
const towers = new Map<TowerFiles, Promise<Tower>>();

function openTower(kind: "query" | "passage"): Promise<Tower> {
  // Structured cloning keeps one object one object, where one network encodes both kinds of text.
  const own = files[kind];
  let opened = towers.get(own);
  if (!opened) towers.set(own, (opened = loadTower(own)));
  return opened;
}

async function loadTower(own: TowerFiles): Promise<Tower> {
  const [session, tokenizer] = await Promise.all([
    InferenceSession.create(own.modelPath, {
      executionProviders: hasCuda ? ["cuda", "cpu"] : ["cpu"],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      // Without this, int8 products overflow on processors without VNNI; with VNNI it would only be slower.
      ...(lacksVnni() ? { extra: { session: { x64quantprecision: "1" } } } : {}),
    }),
    TextTokenizer.load(own.tokenizerPath, own.tokenizerConfigPath, own.settings.maxTokens),
  ]);
  const probe = await runModel(session, tokenizer, [tokenizer.encode("")], own.modelPath);
  return { files: own, session, tokenizer, dim: probe.dims[2] ?? 0 };
}

/** Last hidden states [batch, sequence, dim] of token ids, padded to the longest. */
async function runModel(
  session: InferenceSession,
  tokenizer: TextTokenizer,
  batch: readonly (readonly number[])[],
  path: string,
): Promise<{ data: Float32Array; dims: readonly number[] }> {
  const length = Math.max(...batch.map((ids) => ids.length));
  const ids = new BigInt64Array(batch.length * length).fill(BigInt(tokenizer.padId));
  const mask = new BigInt64Array(batch.length * length);
  batch.forEach((row, i) => {
    row.forEach((id, k) => {
      ids[i * length + k] = BigInt(id);
      mask[i * length + k] = 1n;
    });
  });
  const shape = [batch.length, length];
  const feeds: Record<string, Tensor> = {
    input_ids: new Tensor("int64", ids, shape),
    attention_mask: new Tensor("int64", mask, shape),
  };
  if (session.inputNames.includes("token_type_ids"))
    feeds.token_type_ids = new Tensor("int64", new BigInt64Array(ids.length), shape);
  const outputs = await session.run(feeds);
  const named = ["last_hidden_state", "token_embeddings"].find((name) =>
    session.outputNames.includes(name),
  );
  const hidden = outputs[named ?? session.outputNames[0] ?? ""];
  if (!hidden || hidden.type !== "float32" || hidden.dims.length !== 3) {
    throw new AppError(
      "unsupported",
      `${path} is no sentence encoder: its output is not [batch, sequence, hidden] in float32`,
    );
  }
  return { data: hidden.data as Float32Array, dims: hidden.dims };
}

async function encodeTexts(
  texts: string[],
  kind: "query" | "passage",
): Promise<Float32Array<ArrayBuffer>> {
  const { files: own, session, tokenizer, dim } = await openTower(kind);
  const { lowerCase, includePrompt, queryPrefix, passagePrefix } = own.settings;
  const prefix = kind === "query" ? queryPrefix : passagePrefix;
  const skipped = includePrompt === false ? tokenizer.countPrefix(prefix) : 0;
  const tokens = texts.map((text) => tokenizer.encode(lowerCase ? text.toLowerCase() : text));
  const order = tokens
    .map((_, i) => i)
    .sort((a, b) => countTokens(tokens, b) - countTokens(tokens, a));
  const vectors = new Float32Array(texts.length * dim);
  for (let start = 0; start < order.length;) {
    if (isStopping()) throw new AppError("cancelled", "the encoder was closed");
    const longest = countTokens(tokens, order[start]);
    const end = start + Math.max(1, Math.floor(chooseBatchTokens(own) / longest));
    const rows = order.slice(start, end);
    const batch = rows.map((row) => tokens[row] ?? []);
    const { data, dims } = await runModel(session, tokenizer, batch, own.modelPath);
    rows.forEach((row, i) => {
      const length = dims[1] ?? 0;
      const vector = vectors.subarray(row * dim, (row + 1) * dim);
      poolTokens(
        data.subarray(i * length * dim, (i + 1) * length * dim),
        batch[i]?.length ?? 0,
        vector,
        own.settings,
        skipped,
      );
    });
    start = end;
  }
  return vectors;
}

function countTokens(tokens: readonly (readonly number[])[], row: number | undefined): number {
  return row === undefined ? 0 : (tokens[row]?.length ?? 0);
}

/**
 * Pools hidden states [>= count, dim] over the first `count` tokens into `vector` and normalises it where set; the mean
 * leaves out the first `skipped`.
 */
function poolTokens(
  hidden: Float32Array,
  count: number,
  vector: Float32Array,
  { pooling, normalise }: TowerFiles["settings"],
  skipped: number,
): void {
  const dim = vector.length;
  const first = pooling === "last" ? count - 1 : pooling === "mean" ? Math.min(skipped, count) : 0;
  const tokens = pooling === "mean" ? count - first : 1;
  if (tokens === 0) return; // nothing but the prompt: zeros, as in sentence-transformers
  for (let t = first; t < first + tokens; t++) {
    for (let d = 0; d < dim; d++) vector[d] = (vector[d] ?? 0) + (hidden[t * dim + d] ?? 0);
  }
  let squares = 0;
  for (let d = 0; d < dim; d++) {
    const mean = (vector[d] ?? 0) / tokens;
    vector[d] = mean;
    squares += mean * mean;
  }
  if (!Number.isFinite(squares))
    throw new AppError("internal", "the encoder gave a vector that is not finite");
  if (!normalise || squares === 0) return;
  const length = Math.sqrt(squares);
  for (let d = 0; d < dim; d++) vector[d] = (vector[d] ?? 0) / length;
}

if (parentPort) {
  serveThread<EncoderOperations>(parentPort, {
    load: async () => ({ response: { dim: (await openTower("query")).dim } }),
    encode: async ({ texts, kind }) => {
      const vectors = await encodeTexts(texts, kind);
      return { response: vectors, transfer: [vectors.buffer] };
    },
  });
}
