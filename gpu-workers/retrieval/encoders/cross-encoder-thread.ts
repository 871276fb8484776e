import { parentPort } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { AppError } from "@/contracts/errors";
import { PairTokenizer, type TokenPair } from "./pair-tokenizer";
import type { RerankerFiles } from "./reranker-settings";
import { serveThread, getThreadData } from "@/gpu-workers/runtime/thread";

/** A thread with one ONNX session of a cross-encoder on one core. */
export type CrossEncoderOperations = {
  load: { request: null; response: null };
  /** Scores of the passages for the query, in the order of the passages; higher is better. */
  score: { request: { query: string; passages: string[] }; response: Float64Array<ArrayBuffer> };
};

/** Padded tokens in one batch (see encoder-thread.ts). */
const BATCH_TOKENS = 512;

type Loaded = { session: InferenceSession; tokenizer: PairTokenizer };

const files = getThreadData<RerankerFiles>();
let loaded: Promise<Loaded> | null = null;

async function loadModel(): Promise<Loaded> {
  const [session, tokenizer] = await Promise.all([
    InferenceSession.create(files.modelPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
    }),
    PairTokenizer.load(files.tokenizerPath, files.tokenizerConfigPath, files.settings.maxTokens),
  ]);
  await computeLogits(session, tokenizer, [tokenizer.joinPair([], [])]);
  return { session, tokenizer };
}

/** One logit for each pair of a batch. */
async function computeLogits(
  session: InferenceSession,
  tokenizer: PairTokenizer,
  batch: readonly TokenPair[],
): Promise<number[]> {
  const length = Math.max(...batch.map(({ ids }) => ids.length));
  const ids = new BigInt64Array(batch.length * length).fill(BigInt(tokenizer.padId));
  const mask = new BigInt64Array(batch.length * length);
  const types = new BigInt64Array(batch.length * length);
  batch.forEach((pair, i) => {
    pair.ids.forEach((id, k) => {
      ids[i * length + k] = BigInt(id);
      types[i * length + k] = BigInt(pair.types[k] ?? 0);
      mask[i * length + k] = 1n;
    });
  });
  const shape = [batch.length, length];
  const feeds: Record<string, Tensor> = {
    input_ids: new Tensor("int64", ids, shape),
    attention_mask: new Tensor("int64", mask, shape),
  };
  if (session.inputNames.includes("token_type_ids"))
    feeds.token_type_ids = new Tensor("int64", types, shape);
  const output = (await session.run(feeds))[session.outputNames[0] ?? ""];
  const labels = output ? output.data.length / batch.length : 0;
  if (output?.type !== "float32" || (labels !== 1 && labels !== 2)) {
    throw new AppError(
      "unsupported",
      `${files.modelPath} is no reranker: its first output is not one or two numbers a pair in float32`,
    );
  }
  const data = output.data as Float32Array;
  // Two labels are "irrelevant" and "relevant"; their difference is the log-odds of "relevant".
  return batch.map((_, i) =>
    labels === 1 ? (data[i] ?? NaN) : (data[2 * i + 1] ?? NaN) - (data[2 * i] ?? NaN),
  );
}

async function scorePassages(
  query: string,
  passages: readonly string[],
): Promise<Float64Array<ArrayBuffer>> {
  const { session, tokenizer } = await (loaded ??= loadModel());
  const queryIds = tokenizer.encodeText(query);
  const pairs = passages.map((passage) =>
    tokenizer.joinPair(queryIds, tokenizer.encodeText(passage)),
  );
  const order = pairs
    .map((_, i) => i)
    .sort((a, b) => (pairs[b]?.ids.length ?? 0) - (pairs[a]?.ids.length ?? 0));
  const scores = new Float64Array(passages.length);
  for (let start = 0; start < order.length;) {
    const longest = pairs[order[start] ?? 0]?.ids.length ?? 1;
    const rows = order.slice(start, start + Math.max(1, Math.floor(BATCH_TOKENS / longest)));
    const values = await computeLogits(
      session,
      tokenizer,
      rows.flatMap((row) => pairs[row] ?? []),
    );
    rows.forEach((row, i) => {
      const value = values[i] ?? NaN;
      if (!Number.isFinite(value))
        throw new AppError("internal", "the reranker gave a score that is not finite");
      scores[row] = files.settings.activation === "sigmoid" ? 1 / (1 + Math.exp(-value)) : value;
    });
    start += rows.length;
  }
  return scores;
}

if (parentPort) {
  serveThread<CrossEncoderOperations>(parentPort, {
    load: async () => {
      await (loaded ??= loadModel());
      return { response: null };
    },
    score: async ({ query, passages }) => {
      const scores = await scorePassages(query, passages);
      return { response: scores, transfer: [scores.buffer] };
    },
  });
}
