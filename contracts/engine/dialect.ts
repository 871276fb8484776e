import { z } from "zod";
import { clusterStatusSchema, rankTimesSchema } from "./cluster";
import { tinkerServiceSchema } from "./tinker-service";

/**
 * The engine dialect: the operations of a process that samples tokens and computes gradients.
 * Their names are Tinker's (create_model, sample, forward_backward, optim_step, ...); they travel as JSON over HTTP.
 *
 * - `POST /operations?wait=SECONDS` starts an operation, `GET /operations/{id}?wait=SECONDS` polls it,
 *   `POST /operations/{id}/cancel` cancels it within one forward pass.
 * - The caller chooses the operation id. Sending the same id again returns the same operation: it never runs twice.
 * - Mutating kinds carry a sequence number per model: 1 for the first after create_model, then one more each.
 *   An accepted operation takes its number, even if it fails; a gap or a repeat is refused (`out-of-order`).
 * - Every list "per token" has the length of `ids`; entry i belongs to token i, predicted from ids[0..i-1].
 * - Losses are sums over tokens; the caller normalises by the weights.
 *
 * This file is the one source: `npm run generate` writes gpu-workers/engine/api/dialect.schema.json (JSON Schema) and, from
 * it, gpu-workers/engine/api/dialect.py (pydantic). Rules between fields, which JSON Schema cannot say, stand here as
 * refinements and once more in gpu-workers/engine/api/dialect_rules.py; gpu-workers/engine/tests/dialect_cases.json holds both
 * languages to the same answers. In a body an optional field may be null, and an unknown field is refused.
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
export const loraTargetSchema = z.enum(LORA_TARGETS);
/** language: the distribution of the next token. value: one number, the value of the state (a critic). */
export const modelHeadSchema = z.enum(["language", "value"]);
/** `value` on value models, the others on language models. */
export const engineLossSchema = z.enum([
  "cross_entropy",
  "importance_sampling",
  "ppo",
  "gspo",
  "cispo",
  "value",
]);

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

export const emptyBodySchema = z.strictObject({});
export const emptyResultSchema = z.object({});
const tokenIdsSchema = z.array(z.int().nonnegative());
const perTokenSchema = z.array(z.number());

/** A low-rank adapter (Hu et al. 2021) on the named linear maps of layers `firstLayer` and above. */
export const loraConfigSchema = z.strictObject({
  rank: z.int().positive(),
  alpha: z.number().positive(),
  /** Layers below it have no adapter: no gradient enters them and their activations are reused between calls. */
  firstLayer: z.int().nonnegative().default(0),
  targets: z
    .array(loraTargetSchema)
    .min(1)
    .default([...LORA_TARGETS]),
});

/**
 * Full fine-tuning: layers `firstLayer` and above and the final norm are trained; from layer 0 also the embedding and the
 * output matrix, tied or not. Weights are kept in float32 and used in the device's dtype.
 */
export const fullConfigSchema = z.strictObject({ firstLayer: z.int().nonnegative().default(0) });

export const createModelBodySchema = z
  .strictObject({
    /**
     * Folder with config.json, *.safetensors and tokenizer.json (Llama and Qwen2 architectures), or a folder of verl's
     * that holds such folders.
     */
    base: z.string().min(1),
    /** Neither `lora` nor `full`: only the frozen base is served. */
    lora: loraConfigSchema.nullable(),
    full: fullConfigSchema.nullable().default(null),
    /** value: a critic. A linear map (float32, with bias, zero at first) from the final hidden state to one number. */
    head: modelHeadSchema.default("language"),
    /** A model on the same base with the same firstLayer; both share the cached activations of the frozen layers. */
    beside: z.string().min(1).nullable().default(null),
    /** Keeps only the layers' inputs for the gradient and computes the rest again: less memory, more time. */
    checkpointing: z.boolean().default(false),
    /** Keeps AdamW's moments in the machine's memory instead of the accelerator's: less of it, slower steps. */
    offloadOptimizer: z.boolean().default(false),
    /**
     * Where several ranks compute: each holds its share of the frozen base, whose layers are gathered as they are reached:
     * less memory, more communication. One process and models that transformers computes hold it whole all the same.
     */
    shardBase: z.boolean().default(false),
    /** Token budget of operations on this model that bring none; null: the engine's own choice. */
    microbatchTokens: z.int().positive().nullable().default(null),
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
  })
  .refine((body) => !body.shardBase || body.lora?.firstLayer === 0, {
    path: ["shardBase"],
    error: "shardBase needs lora with firstLayer 0: other layers each rank computes alone",
  });
export const createModelResultSchema = z.object({
  layers: z.int(),
  vocabulary: z.int(),
  maxLength: z.int(),
  parameters: z.int(),
  trainable: z.int(),
  eosIds: tokenIdsSchema,
  seconds: z.number(),
  /**
   * Where transformers computes the layers, because the engine's own do not: its version and that of how it is called,
   * which join the engine's fingerprint. Null: the engine's own layers.
   */
  library: z.string().nullable().default(null),
  /** There: the names of the linear maps that have low-rank factors; null: the engine's own layers, or no factors. */
  adaptedMaps: z.array(z.string()).nullable().default(null),
  /**
   * Where a Tinker service trains the model and samples from it: its address and its name of the base, which join the
   * engine's fingerprint. Null: the engine itself. `parameters` and `trainable` are 0 there, as the service does not tell.
   */
  service: z.string().nullable().default(null),
});

/** A llguidance grammar in Lark syntax. */
export const guideSchema = z.strictObject({ lark: z.string().min(1) });

export const sampleSequenceSchema = z.strictObject({
  /** Keeps the activations of this conversation until end_sessions; any id that is unique to the conversation. */
  session: z.string().nullish(),
  /** All token ids so far, prompt and earlier turns included. */
  ids: tokenIdsSchema.min(1),
  guide: guideSchema.nullish(),
  /** Bound on the returned tokens, forced ones included. */
  maxTokens: z.int().positive(),
  stop: z.array(z.string().min(1)).default([]),
  /** Ids that end the sequence. The model's own end-of-sequence ids always do. */
  stopIds: tokenIdsSchema.default([]),
  /** 0 is greedy. */
  temperature: z.number().nonnegative().default(1),
  /** As transformers' processors of these names, in their order: penalty, temperature, top-k, top-p. */
  topP: z.number().positive().max(1).default(1),
  /** 0: all tokens. */
  topK: z.int().nonnegative().default(0),
  /** Of the tokens in `ids` and those sampled since; for greedy decoding, too. */
  repetitionPenalty: z.number().positive().default(1),
  seed: z.int().nonnegative().default(0),
  /** Samples drawn from this one prompt. */
  n: z.int().positive().default(1),
});
/** Language models only. */
export const sampleBodySchema = z.strictObject({
  /** false: the frozen base, without what was trained. */
  adapter: z.boolean(),
  sequences: z.array(sampleSequenceSchema).min(1),
});
export const sampledSchema = z.object({
  /** New tokens, the one that ended the sequence included. Keep them: text is never tokenised again. */
  ids: tokenIdsSchema,
  /**
   * Log-probability at the sampling temperature (greedy: at 1) over the tokens that the guide allows, before penalty, top-k
   * and top-p: of the policy that the losses are of. 0 where forced.
   */
  logprobs: perTokenSchema,
  /** Entropy in nats of the distribution that the log-probability is of; 0 where forced. Absent: the sampler does not give it. */
  entropies: perTokenSchema.optional(),
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

export const endSessionsBodySchema = z.strictObject({ sessions: z.array(z.string()) });

/** A span of `ids` [start, end) that was produced under a guide. */
export const guidedSpanSchema = z.strictObject({
  start: z.int().positive(),
  end: z.int().positive(),
  lark: z.string().min(1),
});

/** Lists of a datum with one entry per token. */
const PER_TOKEN = [
  "weights",
  "advantages",
  "logprobs",
  "referenceLogprobs",
  "returns",
  "values",
] as const;

/** One sequence to learn from or to score. */
export const datumSchema = z
  .strictObject({
    ids: tokenIdsSchema.min(2),
    /** 0 for prompt, retrieved text and forced tokens. weights[0] is always 0. */
    weights: perTokenSchema,
    advantages: perTokenSchema.nullish(),
    /** Under the sampling policy; needed by importance_sampling, ppo, gspo and cispo. */
    logprobs: perTokenSchema.nullish(),
    /** Under the reference; needed where klCoef > 0. */
    referenceLogprobs: perTokenSchema.nullish(),
    /** Of the state from which the token was chosen; needed by the value loss. */
    returns: perTokenSchema.nullish(),
    /** Of the value model when the tokens were sampled; needed where valueClip is not null. */
    values: perTokenSchema.nullish(),
    guides: z.array(guidedSpanSchema).default([]),
  })
  .superRefine((datum, context) => {
    const refuse = (message: string): void => context.addIssue({ code: "custom", message });
    const length = datum.ids.length;
    for (const name of PER_TOKEN) {
      const entries = datum[name]?.length ?? length;
      if (entries !== length) refuse(`${name} has ${entries} entries for ${length} ids`);
    }
    if (datum.weights[0] !== 0) refuse("weights[0] must be 0: nothing precedes the first token");
    for (const { start, end } of datum.guides) {
      if (!(start < end && end <= length))
        refuse(`guide [${start}, ${end}) does not lie within ${length} ids`);
    }
  });

/** Most tokens of a micro-batch; null: the engine's own choice. It is halved when memory runs out. */
const tokenBudgetSchema = z.int().positive().nullable().default(null);
/** The token budget that an operation ended with, and how often it was retried with a smaller one. */
const memoryFit = { tokenBudget: z.int(), retriedOutOfMemory: z.int() };

export const forwardBodySchema = z.strictObject({
  /** false: the frozen base, without what was trained. A value model takes only true, and neither reference nor entropy. */
  adapter: z.boolean(),
  data: z.array(datumSchema).min(1),
  /** Also under this snapshot ("base": without adapter). */
  reference: z.string().nullish(),
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
  ...memoryFit,
});

export const lossConfigSchema = z.strictObject({
  /**
   * The ratio is clipped to [1 - clipLow, 1 + clipHigh]: of each token (ppo: Schulman et al. 2017; cispo: MiniMax 2025) or
   * of the whole datum (gspo: Zheng et al. 2025).
   */
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
export const forwardBackwardBodySchema = z
  .strictObject({
    loss: engineLossSchema,
    config: lossConfigSchema.prefault({}),
    data: z.array(datumSchema).min(1),
    tokenBudget: tokenBudgetSchema,
  })
  .superRefine(({ loss, config, data }, context) => {
    const refuse = (i: number, message: string): void =>
      context.addIssue({ code: "custom", path: ["data", i], message });
    for (const [i, datum] of data.entries()) {
      if (loss === "value") {
        if (!datum.returns) refuse(i, "the value loss needs returns");
        if (config.valueClip !== null && !datum.values)
          refuse(i, "valueClip needs values, those that the value model gave before");
        continue;
      }
      if (loss !== "cross_entropy" && !(datum.advantages && datum.logprobs))
        refuse(i, `${loss} needs advantages and logprobs`);
      if (config.klCoef > 0 && !datum.referenceLogprobs)
        refuse(i, "klCoef > 0 needs referenceLogprobs");
    }
  });
/** Sums over the tokens whose weight is not 0; the losses are weighted, the rest is not. */
export const forwardBackwardResultSchema = z.object({
  loss: z.number(),
  /** Of a language model: the loss without the KL and the entropy. */
  policyLoss: z.number(),
  tokens: z.int(),
  /** Null: a Tinker service does not tell. */
  entropy: z.number().nullable(),
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
  ...memoryFit,
});

export const optimStepBodySchema = z.strictObject({
  learningRate: z.number().nonnegative().max(1e3),
  betas: z.tuple([z.number(), z.number()]).default([0.9, 0.95]),
  eps: z.number().positive().default(1e-8),
  weightDecay: z.number().nonnegative().default(0),
  /** What decays: matrices, or norms and biases as well. */
  decays: z.enum(["matrices", "all"]).default("matrices"),
  /** Bound on the norm of the accumulated gradient; null: none. */
  gradClip: z.number().positive().nullable().default(1),
  /**
   * true: further steps on the same data follow (mini-batches, epochs), so the activations of the frozen layers are kept.
   * false: all are dropped, so that what follows depends, to the last bit, on weights and calls alone.
   */
  keepActivations: z.boolean().default(false),
});
export const optimStepResultSchema = z.object({
  /** Null: a Tinker service that does not tell. */
  gradNorm: z.number().nullable(),
  step: z.int(),
  /** Of a distributed engine: what each rank did since the step before, of whatever model. */
  ranks: z.array(rankTimesSchema).optional(),
});

export const snapshotBodySchema = z.strictObject({ name: z.string().min(1) });
export const pathBodySchema = z.strictObject({ path: z.string().min(1) });
export const stateResultSchema = z.object({ step: z.int(), hash: z.string(), bytes: z.int() });
export const exportBodySchema = z.strictObject({
  path: z.string().min(1),
  /** true: the adapter added into the base's weights, as a Hugging Face folder. */
  merged: z.boolean().default(false),
});
export const exportResultSchema = z.object({ hash: z.string(), files: z.array(z.string()) });
export const weightsHashResultSchema = z.object({ hash: z.string(), step: z.int() });

/** Tokens that guided decoding would produce for exactly this text. */
export const encodeGuidedBodySchema = z.strictObject({ lark: z.string().min(1), text: z.string() });
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
  delete_model: { body: emptyBodySchema, result: emptyResultSchema, mutates: false },
  sample: { body: sampleBodySchema, result: sampleResultSchema, mutates: false },
  end_sessions: { body: endSessionsBodySchema, result: emptyResultSchema, mutates: false },
  forward: { body: forwardBodySchema, result: forwardResultSchema, mutates: false },
  forward_backward: {
    body: forwardBackwardBodySchema,
    result: forwardBackwardResultSchema,
    mutates: true,
  },
  optim_step: { body: optimStepBodySchema, result: optimStepResultSchema, mutates: true },
  snapshot: { body: snapshotBodySchema, result: emptyResultSchema, mutates: true },
  save_state: { body: pathBodySchema, result: stateResultSchema, mutates: false },
  load_state: { body: pathBodySchema, result: stateResultSchema, mutates: true },
  /** Takes the trained weights from a PEFT folder (lora) or a Hugging Face folder (full); clears gradient and optimiser. */
  import_weights: { body: pathBodySchema, result: weightsHashResultSchema, mutates: true },
  export: { body: exportBodySchema, result: exportResultSchema, mutates: false },
  weights_hash: { body: emptyBodySchema, result: weightsHashResultSchema, mutates: false },
  encode_guided: { body: encodeGuidedBodySchema, result: encodeGuidedResultSchema, mutates: false },
  memory: { body: emptyBodySchema, result: memoryResultSchema, mutates: false },
} as const;
export type EngineKind = keyof typeof engineOperations;
export const engineKindSchema = z.enum(
  Object.keys(engineOperations) as [EngineKind, ...EngineKind[]],
);
/** What a caller writes (defaults may be left out) and what it gets. */
export type EngineBody<K extends EngineKind> = z.input<(typeof engineOperations)[K]["body"]>;
export type EngineResult<K extends EngineKind> = z.output<(typeof engineOperations)[K]["result"]>;

export const operationRequestSchema = z.strictObject({
  id: z.string().min(1).max(200),
  model: z.string().min(1).max(200),
  /** Only on mutating kinds. */
  sequence: z.int().positive().nullish(),
  kind: engineKindSchema,
  body: z.record(z.string(), z.unknown()).default({}),
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
      head: modelHeadSchema,
      step: z.int(),
    }),
  ),
  architectures: z.array(z.string()),
  losses: z.array(z.string()),
  tuning: z.array(z.string()),
  heads: z.array(z.string()),
  versions: z.record(z.string(), z.string()),
  /** Hash of the versions of numerics and torch, dtype, device and threads: equal fingerprints give equal bits. */
  fingerprint: z.string(),
  /** Where the ranks of a distributed engine are; null or absent: one process. */
  cluster: clusterStatusSchema.nullish(),
  /** The Tinker service at which models with an adapter are; null or absent: none. */
  service: tinkerServiceSchema.nullish(),
});

export type FullConfig = z.infer<typeof fullConfigSchema>;
export type LoraConfig = z.infer<typeof loraConfigSchema>;
export type SampleSequence = z.input<typeof sampleSequenceSchema>;
export type Sampled = z.infer<typeof sampledSchema>;
export type Datum = z.input<typeof datumSchema>;
export type LossConfig = z.input<typeof lossConfigSchema>;
export type Capabilities = z.infer<typeof capabilitiesSchema>;
export type Operation = z.infer<typeof operationSchema>;
