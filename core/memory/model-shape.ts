import { z } from "zod";
import type { LORA_TARGETS } from "@/contracts/engine/dialect";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";

/** Shapes of decoder-only transformers, and the numbers of their parameters. */

const qwen = { headDim: 128, maxLength: 32_768, tied: true } as const;

/**
 * Shapes of the models that presets name, as their config.json on the Hugging Face hub states them
 * (HuggingFaceTB/SmolLM2-135M-Instruct, Qwen/Qwen2.5-{0.5B,1.5B,3B,7B}-Instruct): a memory estimate needs no worker that
 * has the model. Of other models the workers tell the shape.
 */
export const MODEL_SHAPES: Readonly<Record<string, ModelShape>> = {
  "smollm2-135m-instruct": {
    hidden: 576,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    intermediate: 1536,
    vocabulary: 49_152,
    tied: true,
    maxLength: 8192,
  },
  "qwen2.5-0.5b-instruct": {
    ...qwen,
    hidden: 896,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    intermediate: 4864,
    vocabulary: 151_936,
  },
  "qwen2.5-1.5b-instruct": {
    ...qwen,
    hidden: 1536,
    layers: 28,
    heads: 12,
    kvHeads: 2,
    intermediate: 8960,
    vocabulary: 151_936,
  },
  "qwen2.5-3b-instruct": {
    ...qwen,
    hidden: 2048,
    layers: 36,
    heads: 16,
    kvHeads: 2,
    intermediate: 11_008,
    vocabulary: 151_936,
  },
  "qwen2.5-7b-instruct": {
    ...qwen,
    hidden: 3584,
    layers: 28,
    heads: 28,
    kvHeads: 4,
    intermediate: 18_944,
    vocabulary: 152_064,
    tied: false,
  },
};

const configSchema = z.object({
  model_type: z.enum(["llama", "qwen2"]),
  hidden_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: z.int().positive().nullish(),
  intermediate_size: z.int().positive(),
  vocab_size: z.int().positive(),
  tie_word_embeddings: z.boolean().default(false),
  max_position_embeddings: z.int().positive(),
});

/** The shape that a config.json states; null of an architecture that the engine does not compute. */
export function parseModelShape(json: unknown): ModelShape | null {
  const read = configSchema.safeParse(json);
  if (!read.success) return null;
  const c = read.data;
  const heads = c.num_attention_heads;
  return {
    hidden: c.hidden_size,
    layers: c.num_hidden_layers,
    heads,
    kvHeads: c.num_key_value_heads ?? heads,
    headDim: c.head_dim ?? Math.floor(c.hidden_size / heads),
    intermediate: c.intermediate_size,
    vocabulary: c.vocab_size,
    tied: c.tie_word_embeddings,
    maxLength: c.max_position_embeddings,
  };
}

export const getQueryWidth = ({ heads, headDim }: ModelShape): number => heads * headDim;
export const getKeyWidth = ({ kvHeads, headDim }: ModelShape): number => kvHeads * headDim;

type LoraTarget = (typeof LORA_TARGETS)[number];

/** [inputs, outputs] of a layer's linear maps. */
function listLinearMaps(shape: ModelShape): Record<LoraTarget, [number, number]> {
  const { hidden, intermediate } = shape;
  const [q, kv] = [getQueryWidth(shape), getKeyWidth(shape)];
  return {
    q_proj: [hidden, q],
    k_proj: [hidden, kv],
    v_proj: [hidden, kv],
    o_proj: [q, hidden],
    gate_proj: [hidden, intermediate],
    up_proj: [hidden, intermediate],
    down_proj: [intermediate, hidden],
  };
}

/** Numbers in the matrices of one layer. */
export const countLayerParameters = (shape: ModelShape): number =>
  Object.values(listLinearMaps(shape)).reduce((sum, [from, to]) => sum + from * to, 0);

/** Numbers in the embedding and the head. */
export const countVocabularyParameters = ({ vocabulary, hidden, tied }: ModelShape): number =>
  vocabulary * hidden * (tied ? 1 : 2);

/** Parameters of the whole model; biases are left out, they are less than a thousandth. */
export const countParameters = (shape: ModelShape): number =>
  countVocabularyParameters(shape) +
  shape.layers * (countLayerParameters(shape) + 2 * shape.hidden) +
  shape.hidden;

/** Parameters of an adapter of this rank on every linear map of the layers from `firstLayer` on. */
export const countAdapterParameters = (
  shape: ModelShape,
  rank: number,
  firstLayer: number,
): number =>
  Math.max(0, shape.layers - firstLayer) *
  Object.values(listLinearMaps(shape)).reduce((sum, [from, to]) => sum + rank * (from + to), 0);
