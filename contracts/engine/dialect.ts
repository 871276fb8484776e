import { z } from "zod";

/**
 * The engine dialect: what the control side says to a process that samples tokens and takes gradients.
 * The vocabulary is Tinker's (create_model, sample, forward_backward, optim_step, ...), the transport plain JSON over HTTP.
 *
 * - `POST /operations?wait=SECONDS` starts an operation, `GET /operations/{id}?wait=SECONDS` polls it,
 *   `POST /operations/{id}/cancel` cancels it within one forward pass.
 * - The caller chooses the operation id. Sending the same id again returns the same operation: it never runs twice.
 * - Mutating kinds carry a sequence number per model: 1 for the first after create_model, then one more each.
 *   An accepted operation uses its number up, whether it succeeds or not; a gap or a repeat is refused (`out-of-order`).
 * - Every list "per token" has the length of `ids`; entry i belongs to token i, predicted from ids[0..i-1].
 * - Losses are sums over tokens; the caller normalises by the weights.
 *
 * gpu-workers/engine/schema.py is the twin of this file.
 */

export const LORA_TARGETS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

export const engineErrorCodeSchema = z.enum([
  "invalid-input",
  "unauthorized",
  "not-found",
  "conflict",
  "out-of-order",
  "not-finite", // a loss or gradient that is NaN or infinite; nothing was changed
  "storage-full",
  "unsupported",
  "out-of-memory",
  "cancelled",
  "internal",
]);
export type EngineErrorCode = z.infer<typeof engineErrorCodeSchema>;
export const engineErrorBodySchema = z.object({ code: engineErrorCodeSchema, message: z.string() });

const emptySchema = z.object({});
const tokenIdsSchema = z.array(z.int().nonnegative());
const perTokenSchema = z.array(z.number());

/** A low-rank adapter (Hu et al. 2021) on the named linear maps of layers `firstLayer` and above. */
export const loraConfigSchema = z.object({
  rank: z.int().positive(),
  alpha: z.number().positive(),
  /** Layers below it have no adapter: no gradient enters them and their activations are reused between calls. */
  firstLayer: z.int().nonnegative().default(0),
  targets: z
    .array(z.enum(LORA_TARGETS))
    .min(1)
    .default([...LORA_TARGETS]),
});

/** Training of the weights themselves: layers `firstLayer` and above and the final norm; from layer 0 also the embedding and,
 * tied to it or not, the output matrix. Kept in float32, computed with in the device's dtype. */
export const fullConfigSchema = z.object({ firstLayer: z.int().nonnegative().default(0) });

export const createModelBodySchema = z
  .object({
    /** Folder with config.json, *.safetensors and tokenizer.json (Llama and Qwen2 architectures), or one of upstream's that holds such folders. */
    base: z.string().min(1),
    /** Neither `lora` nor `full`: only the frozen base is served. */
    lora: loraConfigSchema.nullable(),
    full: fullConfigSchema.nullable().default(null),
    /** value: a critic. A linear map (float32, with bias, zero at first) from the final hidden state to one number replaces the vocabulary. */
    head: z.enum(["language", "value"]).default("language"),
    /** A model on the same base with the same firstLayer: both keep the activations of the frozen layers once. */
    beside: z.string().min(1).nullable().default(null),
    /** Keeps only the layers' inputs for the gradient and computes the rest again: less memory, more time. */
    checkpointing: z.boolean().default(false),
    /** Seed of the adapter's initial values. */
    seed: z.int().nonnegative(),
  })
  .refine((body) => !(body.lora && body.full), {
    path: ["full"],
    error: "a model is trained by lora or by full, not both: set one to null",
  })
  .refine((body) => body.head === "language" || body.lora || body.full, {
    path: ["head"],
    error: "a value model is trained: give lora or full",
  });
export const createModelResultSchema = z.object({
  layers: z.int(),
  vocabulary: z.int(),
  maxLength: z.int(),
  parameters: z.int(),
  trainable: z.int(),
  eosIds: tokenIdsSchema,
  seconds: z.number(),
});

/** A llguidance grammar in Lark syntax. */
export const guideSchema = z.object({ lark: z.string().min(1) });

export const sampleSequenceSchema = z.object({
  /** Keeps the activations of this conversation until end_sessions; any id that is unique to the conversation. */
  session: z.string().optional(),
  /** All token ids so far, prompt and earlier turns included. */
  ids: tokenIdsSchema.min(1),
  guide: guideSchema.optional(),
  /** Bound on the returned tokens, forced ones included. */
  maxTokens: z.int().positive(),
  stop: z.array(z.string().min(1)).optional(),
  /** Ids that end the sequence. The model's own end-of-sequence ids always do. */
  stopIds: tokenIdsSchema.optional(),
  /** 0 is greedy. */
  temperature: z.number().nonnegative().default(1),
  seed: z.int().nonnegative().default(0),
  /** Samples drawn from this one prompt. */
  n: z.int().positive().default(1),
});
/** Language models only. */
export const sampleBodySchema = z.object({
  /** false: the frozen base, without what was trained. */
  adapter: z.boolean(),
  sequences: z.array(sampleSequenceSchema).min(1),
});
export const sampledSchema = z.object({
  /** New tokens, the one that ended the sequence included. Keep them: text is never tokenised again. */
  ids: tokenIdsSchema,
  /** Log-probability at the sampling temperature (greedy: at 1) over the tokens that the guide allows; 0 where forced. */
  logprobs: perTokenSchema,
  /** True where the guide left no choice: weight 0 in training. */
  forced: z.array(z.boolean()),
  /** stop: stop string or id; guide: the grammar is complete; length: maxTokens. */
  finishReason: z.enum(["stop", "guide", "length"]),
  /** Text of `ids` with a stop string but without an end-of-sequence token. */
  text: z.string(),
});
export const sampleResultSchema = z.object({
  /** One list per sequence, in it n samples. */
  sequences: z.array(z.array(sampledSchema)),
  /** Tokens computed, taken from the cache, and sampled; seconds of prefill and decode. */
  usage: z.object({
    promptTokens: z.int(),
    computedTokens: z.int(),
    sampledTokens: z.int(),
    prefillSeconds: z.number(),
    decodeSeconds: z.number(),
  }),
});

export const endSessionsBodySchema = z.object({ sessions: z.array(z.string()) });

/** A span of `ids` [start, end) that was produced under a guide. */
export const guidedSpanSchema = z.object({
  start: z.int().positive(),
  end: z.int().positive(),
  lark: z.string().min(1),
});

export const datumSchema = z.object({
  ids: tokenIdsSchema.min(2),
  /** 0 for prompt, retrieved text and forced tokens. weights[0] is always 0. */
  weights: perTokenSchema,
  advantages: perTokenSchema.optional(),
  /** Under the sampling policy; needed by importance_sampling and ppo. */
  logprobs: perTokenSchema.optional(),
  /** Under the reference; needed where klCoef > 0. */
  referenceLogprobs: perTokenSchema.optional(),
  /** Of the state from which the token was chosen; needed by the value loss. */
  returns: perTokenSchema.optional(),
  /** What the value model said when the tokens were sampled; needed where valueClip is not null. */
  values: perTokenSchema.optional(),
  guides: z.array(guidedSpanSchema).optional(),
});

/** Bound on the tokens of a micro-batch; null: the engine's own. It halves where memory does not suffice. */
const tokenBudgetSchema = z.int().positive().nullable().default(null);
/** How an operation fitted into memory: the bound it ended with, and how often it was begun again for want of memory. */
const fitting = { tokenBudget: z.int(), retriedOutOfMemory: z.int() };

export const forwardBodySchema = z.object({
  /** false: the frozen base, without what was trained. A value model takes only true, and neither reference nor entropy. */
  adapter: z.boolean(),
  data: z.array(datumSchema).min(1),
  /** Also under this snapshot ("base": without adapter). */
  reference: z.string().optional(),
  entropy: z.boolean().default(false),
  temperature: z.number().positive().default(1),
  tokenBudget: tokenBudgetSchema,
});
export const forwardResultSchema = z.object({
  /** Per datum, per token; 0 where the weight is 0. Empty from a value model. */
  logprobs: z.array(perTokenSchema),
  /** Only from a value model: value of the state from which the token is chosen, which its predecessors make up. */
  values: z.array(perTokenSchema),
  referenceLogprobs: z.array(perTokenSchema).optional(),
  entropies: z.array(perTokenSchema).optional(),
  ...fitting,
});

export const lossConfigSchema = z.object({
  /** PPO (Schulman et al. 2017): the ratio is clipped to [1 - clipLow, 1 + clipHigh]. */
  clipLow: z.number().nonnegative().default(0.2),
  clipHigh: z.number().nonnegative().default(0.2),
  klCoef: z.number().nonnegative().default(0),
  /** k1, k2, k3 as in Schulman, "Approximating KL divergence". */
  klEstimator: z.enum(["k1", "k2", "k3"]).default("k3"),
  entropyCoef: z.number().default(0),
  /** The temperature that the tokens were sampled at. */
  temperature: z.number().positive().default(1),
  /** Value loss: w / 2 max((v - R)^2, (clip(v, v_old - valueClip, v_old + valueClip) - R)^2); null: w / 2 (v - R)^2. */
  valueClip: z.number().nonnegative().nullable().default(null),
});
export const forwardBackwardBodySchema = z.object({
  /** `value` on value models, the others on language models. */
  loss: z.enum(["cross_entropy", "importance_sampling", "ppo", "value"]),
  config: lossConfigSchema.prefault({}),
  data: z.array(datumSchema).min(1),
  tokenBudget: tokenBudgetSchema,
});
/** Sums over the tokens whose weight is not 0; the losses are weighted, the rest is not. */
export const forwardBackwardResultSchema = z.object({
  loss: z.number(),
  /** Of a language model: the loss without the KL and the entropy. */
  policyLoss: z.number(),
  tokens: z.int(),
  entropy: z.number(),
  kl: z.number(),
  /** Tokens whose ratio was clipped. */
  clipped: z.int(),
  ratio: z.object({ sum: z.number(), min: z.number(), max: z.number() }),
  /** Per datum, per token; 0 where the weight is 0. Empty from a value model. */
  logprobs: z.array(perTokenSchema),
  /** The same of a value model. */
  values: z.array(perTokenSchema),
  /** Tokens whose clipped value gave the greater loss. */
  valueClipped: z.int(),
  /** Tokens that passed through the trained layers, after sharing. */
  computedTokens: z.int(),
  seconds: z.number(),
  ...fitting,
});

export const optimStepBodySchema = z.object({
  learningRate: z.number().nonnegative().max(1e3),
  betas: z.tuple([z.number(), z.number()]).default([0.9, 0.95]),
  eps: z.number().positive().default(1e-8),
  /** Of matrices; norms and biases do not decay. */
  weightDecay: z.number().nonnegative().default(0),
  /** Bound on the norm of the accumulated gradient; null: none. */
  gradClip: z.number().positive().nullable().default(1),
  /** true: further steps on the same data follow (mini-batches, epochs), so the activations of the frozen layers are kept.
   * false: all are forgotten, so that what follows depends, to the last bit, on weights and calls alone. */
  keepActivations: z.boolean().default(false),
});
export const optimStepResultSchema = z.object({ gradNorm: z.number(), step: z.int() });

export const snapshotBodySchema = z.object({ name: z.string().min(1) });
export const pathBodySchema = z.object({ path: z.string().min(1) });
export const stateResultSchema = z.object({ step: z.int(), hash: z.string(), bytes: z.int() });
export const exportBodySchema = z.object({
  path: z.string().min(1),
  /** true: the adapter added into the base's weights, as a Hugging Face folder. */
  merged: z.boolean().default(false),
});
export const exportResultSchema = z.object({ hash: z.string(), files: z.array(z.string()) });
export const weightsHashResultSchema = z.object({ hash: z.string(), step: z.int() });

/** Tokens that guided decoding would produce for exactly this text. */
export const encodeGuidedBodySchema = z.object({ lark: z.string().min(1), text: z.string() });
export const encodeGuidedResultSchema = z.object({
  ids: tokenIdsSchema,
  forced: z.array(z.boolean()),
});

export const memoryResultSchema = z.object({
  residentBytes: z.int(),
  peakResidentBytes: z.int(),
  cacheBytes: z.int(),
  cachedTokens: z.int(),
  /** Of the accelerator; 0 where there is none. */
  deviceBytes: z.int(),
  peakDeviceBytes: z.int(),
});

/** Every kind with the schema of its body and of its result. */
export const engineOperations = {
  create_model: { body: createModelBodySchema, result: createModelResultSchema, mutates: false },
  /** Frees what was trained and its cached activations. The base stays loaded. */
  delete_model: { body: emptySchema, result: emptySchema, mutates: false },
  sample: { body: sampleBodySchema, result: sampleResultSchema, mutates: false },
  end_sessions: { body: endSessionsBodySchema, result: emptySchema, mutates: false },
  forward: { body: forwardBodySchema, result: forwardResultSchema, mutates: false },
  forward_backward: {
    body: forwardBackwardBodySchema,
    result: forwardBackwardResultSchema,
    mutates: true,
  },
  optim_step: { body: optimStepBodySchema, result: optimStepResultSchema, mutates: true },
  snapshot: { body: snapshotBodySchema, result: emptySchema, mutates: true },
  save_state: { body: pathBodySchema, result: stateResultSchema, mutates: false },
  load_state: { body: pathBodySchema, result: stateResultSchema, mutates: true },
  /** Takes the trained weights from a PEFT folder (lora) or a Hugging Face folder (full); clears gradient and optimiser. */
  import_weights: { body: pathBodySchema, result: weightsHashResultSchema, mutates: true },
  export: { body: exportBodySchema, result: exportResultSchema, mutates: false },
  weights_hash: { body: emptySchema, result: weightsHashResultSchema, mutates: false },
  encode_guided: { body: encodeGuidedBodySchema, result: encodeGuidedResultSchema, mutates: false },
  memory: { body: emptySchema, result: memoryResultSchema, mutates: false },
} as const;
export type EngineKind = keyof typeof engineOperations;
/** What a caller writes (defaults may be left out) and what it gets. */
export type EngineBody<K extends EngineKind> = z.input<(typeof engineOperations)[K]["body"]>;
export type EngineResult<K extends EngineKind> = z.output<(typeof engineOperations)[K]["result"]>;

export const operationRequestSchema = z.object({
  id: z.string().min(1).max(200),
  model: z.string().min(1).max(200),
  /** Only on mutating kinds. */
  sequence: z.int().positive().optional(),
  kind: z.enum(Object.keys(engineOperations) as [EngineKind, ...EngineKind[]]),
  body: z.unknown(),
});
export const operationSchema = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  result: z.unknown().optional(),
  error: engineErrorBodySchema.optional(),
});

export const capabilitiesSchema = z.object({
  device: z.enum(["cpu", "cuda", "mps"]),
  deviceName: z.string(),
  dtype: z.enum(["float32", "bfloat16", "float16"]),
  /** Torch threads; by default every physical core. */
  threads: z.int(),
  /** The processor multiplies bfloat16 in hardware. */
  bf16: z.boolean(),
  memoryBytes: z.int(),
  /** Of the accelerator; 0 where there is none. */
  deviceMemoryBytes: z.int(),
  models: z.array(
    z.object({
      id: z.string(),
      base: z.string(),
      head: z.enum(["language", "value"]),
      step: z.int(),
    }),
  ),
  architectures: z.array(z.string()),
  losses: z.array(z.string()),
  tuning: z.array(z.string()),
  heads: z.array(z.string()),
  versions: z.record(z.string(), z.string()),
  /** Hash of the engine's code, torch's version, dtype, device and threads: equal fingerprints give equal bits. */
  fingerprint: z.string(),
});

export type FullConfig = z.infer<typeof fullConfigSchema>;
export type LoraConfig = z.infer<typeof loraConfigSchema>;
export type SampleSequence = z.input<typeof sampleSequenceSchema>;
export type Sampled = z.infer<typeof sampledSchema>;
export type Datum = z.input<typeof datumSchema>;
export type LossConfig = z.input<typeof lossConfigSchema>;
export type Capabilities = z.infer<typeof capabilitiesSchema>;
export type Operation = z.infer<typeof operationSchema>;
