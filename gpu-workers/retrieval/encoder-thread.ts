import { parentPort } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { AppError } from "@/contracts/errors";
import type { EncoderFiles } from "./encoder-settings";
import { serveThread, threadData } from "./thread";
import { TextTokenizer } from "./tokenizer";

/** One ONNX session on one core: tokenises, runs the model, pools. */
export type EncoderOperations = {
  /** Loads tokenizer and weights; answers the length of a vector. */
  load: { request: null; response: { dim: number } };
  /** Vectors of the texts, row-major [texts, dim], in the order of the texts. */
  encode: { request: { texts: string[] }; response: Float32Array<ArrayBuffer> };
};

/**
 * Padded tokens in one batch. Small batches stay in the core's cache and waste little on padding. Measured with fp32 on
 * two cores, passages of 100 tokens: 70 a second in batches of 2 or 4, 63 in batches of 8; one session over both cores
 * with batches of 16: 47.
 */
const BATCH_TOKENS = 384;

type Loaded = { session: InferenceSession; tokenizer: TextTokenizer; dim: number };

const files = threadData<EncoderFiles>();
let loaded: Promise<Loaded> | null = null;

async function load(): Promise<Loaded> {
  const [session, tokenizer] = await Promise.all([
    InferenceSession.create(files.modelPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
    }),
    TextTokenizer.load(files.tokenizerPath, files.tokenizerConfigPath, files.settings.maxTokens),
  ]);
  const probe = await run(session, tokenizer, [tokenizer.encode("")]);
  return { session, tokenizer, dim: probe.dims[2] ?? 0 };
}

/** Last hidden states [batch, sequence, dim] of token ids, padded to the longest. */
async function run(session: InferenceSession, tokenizer: TextTokenizer, batch: readonly (readonly number[])[]): Promise<{ data: Float32Array; dims: readonly number[] }> {
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
  const feeds: Record<string, Tensor> = { input_ids: new Tensor("int64", ids, shape), attention_mask: new Tensor("int64", mask, shape) };
  if (session.inputNames.includes("token_type_ids")) feeds.token_type_ids = new Tensor("int64", new BigInt64Array(ids.length), shape);
  const outputs = await session.run(feeds);
  const hidden = outputs[session.outputNames[0] ?? ""];
  if (!hidden || hidden.type !== "float32" || hidden.dims.length !== 3) {
    throw new AppError("unsupported", `${files.modelPath} is no sentence encoder: its first output is not [batch, sequence, hidden] in float32`);
  }
  return { data: hidden.data as Float32Array, dims: hidden.dims };
}

async function encode(texts: string[]): Promise<Float32Array<ArrayBuffer>> {
  const { session, tokenizer, dim } = await (loaded ??= load());
  const tokens = texts.map((text) => tokenizer.encode(text));
  const order = tokens.map((_, i) => i).sort((a, b) => lengthOf(tokens, b) - lengthOf(tokens, a));
  const vectors = new Float32Array(texts.length * dim);
  for (let start = 0; start < order.length; ) {
    const longest = lengthOf(tokens, order[start]);
    const end = start + Math.max(1, Math.floor(BATCH_TOKENS / longest));
    const rows = order.slice(start, end);
    const batch = rows.map((row) => tokens[row] ?? []);
    const { data, dims } = await run(session, tokenizer, batch);
    rows.forEach((row, i) => {
      const length = dims[1] ?? 0;
      const vector = vectors.subarray(row * dim, (row + 1) * dim);
      pool(data.subarray(i * length * dim, (i + 1) * length * dim), batch[i]?.length ?? 0, vector);
    });
    start = end;
  }
  return vectors;
}

function lengthOf(tokens: readonly (readonly number[])[], row: number | undefined): number {
  return row === undefined ? 0 : (tokens[row]?.length ?? 0);
}

/** Pools hidden states [>= count, dim] over the first `count` tokens into `vector`, then scales it to length 1. */
function pool(hidden: Float32Array, count: number, vector: Float32Array): void {
  const { pooling, normalise } = files.settings;
  const dim = vector.length;
  const tokens = pooling === "cls" ? 1 : count;
  for (let t = 0; t < tokens; t++) {
    for (let d = 0; d < dim; d++) vector[d] = (vector[d] ?? 0) + (hidden[t * dim + d] ?? 0);
  }
  let squares = 0;
  for (let d = 0; d < dim; d++) {
    const mean = (vector[d] ?? 0) / tokens;
    vector[d] = mean;
    squares += mean * mean;
  }
  if (!Number.isFinite(squares)) throw new AppError("internal", "the encoder gave a vector that is not finite");
  if (!normalise || squares === 0) return;
  const length = Math.sqrt(squares);
  for (let d = 0; d < dim; d++) vector[d] = (vector[d] ?? 0) / length;
}

if (parentPort) {
  serveThread<EncoderOperations>(parentPort, {
    load: async () => ({ response: { dim: (await (loaded ??= load())).dim } }),
    encode: async ({ texts }) => {
      const vectors = await encode(texts);
      return { response: vectors, transfer: [vectors.buffer] };
    },
  });
}
