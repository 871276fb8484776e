/**
 * Settings of an encoder, from the model's card on its hub. They complete the configuration in the encoder's folder,
 * which takes precedence (encoder-settings.ts).
 */
export interface EncoderFacts {
  pooling: "mean" | "cls" | "last";
  normalise: boolean;
  maxTokens: number;
  queryPrefix: string;
  passagePrefix: string;
}

export interface EncoderPreset {
  title: string;
  /** Repositories on huggingface.co that hold an ONNX export, of two towers one each. Empty where none is known. */
  hub: { folder: string; repository: string; onnx: string }[];
  /** Two towers: one encoder for queries, another for passages. */
  twoTowers: boolean;
  facts: EncoderFacts;
}

const defineSingleTower = (repository: string): EncoderPreset["hub"] => [
  { folder: "", repository, onnx: "onnx/model.onnx" },
];
const e5: EncoderFacts = {
  pooling: "mean",
  normalise: true,
  maxTokens: 512,
  queryPrefix: "query: ",
  passagePrefix: "passage: ",
};
const bge: EncoderFacts = {
  pooling: "cls",
  normalise: true,
  maxTokens: 512,
  queryPrefix: "Represent this sentence for searching relevant passages: ",
  passagePrefix: "",
};

export const ENCODER_PRESETS: Readonly<Record<string, EncoderPreset>> = {
  minilm: {
    title: "all-MiniLM-L6-v2",
    hub: defineSingleTower("sentence-transformers/all-MiniLM-L6-v2"),
    twoTowers: false,
    facts: { pooling: "mean", normalise: true, maxTokens: 256, queryPrefix: "", passagePrefix: "" },
  },
  "e5-base-v2": {
    title: "E5 base v2",
    hub: defineSingleTower("intfloat/e5-base-v2"),
    twoTowers: false,
    facts: e5,
  },
  "e5-large-v2": {
    title: "E5 large v2",
    hub: defineSingleTower("intfloat/e5-large-v2"),
    twoTowers: false,
    facts: e5,
  },
  "bge-base-en-v1.5": {
    title: "BGE base v1.5",
    hub: defineSingleTower("BAAI/bge-base-en-v1.5"),
    twoTowers: false,
    facts: bge,
  },
  "bge-large-en-v1.5": {
    title: "BGE large v1.5",
    hub: defineSingleTower("BAAI/bge-large-en-v1.5"),
    twoTowers: false,
    facts: bge,
  },
  "gte-base": {
    title: "GTE base",
    hub: defineSingleTower("thenlper/gte-base"),
    twoTowers: false,
    facts: { pooling: "mean", normalise: true, maxTokens: 512, queryPrefix: "", passagePrefix: "" },
  },
  medcpt: {
    title: "MedCPT",
    hub: [],
    twoTowers: true,
    facts: { pooling: "cls", normalise: false, maxTokens: 512, queryPrefix: "", passagePrefix: "" },
  },
};
