import type { RunPart } from "@/contracts/api/question-sets";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { requirementsFor } from "@/core/run/requirements";
import { CORPUS_PRESETS, type CorpusPreset } from "./corpus-presets";
import { getModelCommand, MODEL_PRESETS } from "./model-presets";
import { wikipedia } from "./preset-bases";
import { findQuestionPreset, QUESTION_PRESETS } from "./question-presets";

/** What is here: models and corpora of the workers that are online, question sets of the server. */
export interface Offered {
  models: ReadonlySet<string>;
  corpora: ReadonlySet<string>;
  questions: ReadonlySet<string>;
}

/** Bytes of a vector of the published index: E5's 768 numbers in float32. */
const PUBLISHED_VECTOR_BYTES = 768 * 4;
/** What the published index's encoder takes on disk, and the licence of its model card. */
const PUBLISHED_ENCODER = { downloadGiB: 0.4, licence: "mit" };
/** The preset that serves the generator of the paper. */
const SERVED_GENERATOR = {
  model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4",
  command: "npm run s3 -- launch --preset serve-paper-generator",
  downloadGiB: 9.3,
  licence: "apache-2.0",
};

/** Lists all parts of a training run that are fetched or served: question sets, models, corpus, retriever, generator. */
export function listRunParts(config: RunConfig, offered: Offered): RunPart[] {
  const { questions, models, corpora, generator } = requirementsFor(config);
  const parts: RunPart[] = [
    ...questions.map((name) => buildQuestionPart(name, offered)),
    ...models.map((name) => buildModelPart(name, offered)),
    ...corpora.map((name) => buildCorpusPart(name, offered, "missing")),
  ];
  if (config.kind === "train" && config.retriever.kind === "remote")
    parts.push(...buildRetrieverParts(config.data.corpus, config.retriever.url, offered));
  if (config.kind === "train" && generator === "endpoint") {
    const { model } = config.generator;
    const known = model === SERVED_GENERATOR.model ? SERVED_GENERATOR : null;
    parts.push({
      kind: "generator",
      name: model,
      state: "elsewhere",
      downloadGiB: known?.downloadGiB ?? null,
      licence: known?.licence ?? null,
      command: known?.command ?? null,
    });
  }
  return parts;
}

function buildQuestionPart(name: string, { questions }: Offered): RunPart {
  const preset = findQuestionPreset(name);
  return {
    kind: "questions",
    name,
    state: questions.has(name) ? "here" : "missing",
    downloadGiB: preset === null ? null : QUESTION_PRESETS[preset].downloadGiB,
    licence: preset === null ? null : QUESTION_PRESETS[preset].licence,
    command: preset === null ? null : `npm run s3 -- questions fetch ${preset}`,
  };
}

function buildModelPart(name: string, { models }: Offered): RunPart {
  const preset = MODEL_PRESETS[name];
  return {
    kind: "model",
    name,
    state: models.has(name) ? "here" : "missing",
    downloadGiB: preset?.downloadGiB ?? null,
    licence: preset?.licence ?? null,
    command: preset === undefined ? null : getModelCommand(preset),
  };
}

function buildCorpusPart(
  name: string,
  { corpora }: Offered,
  absent: "missing" | "elsewhere",
): RunPart {
  const preset = (CORPUS_PRESETS as Partial<Record<string, CorpusPreset>>)[name];
  const indexGiB = preset?.index ? (preset.passages * PUBLISHED_VECTOR_BYTES) / 2 ** 30 : 0;
  return {
    kind: "corpus",
    name,
    state: corpora.has(name) ? "here" : absent,
    downloadGiB:
      preset === undefined ? null : Math.round(10 * (preset.downloadGiB + indexGiB)) / 10,
    licence: preset?.licence ?? null,
    command:
      preset === undefined
        ? null
        : `npm run s3 -- corpus import ${name}${preset.index ? " --with-index" : ""}`,
  };
}

/** A retriever at an address, and what serving a published corpus there takes. */
function buildRetrieverParts(corpus: string, url: string, offered: Offered): RunPart[] {
  const preset = (CORPUS_PRESETS as Partial<Record<string, CorpusPreset>>)[corpus];
  const encoder = preset?.index?.encoder;
  return [
    buildCorpusPart(corpus, offered, "elsewhere"),
    ...(encoder === undefined
      ? []
      : [
          {
            kind: "encoder" as const,
            name: encoder,
            state: "elsewhere" as const,
            ...PUBLISHED_ENCODER,
            command: `npm run s3 -- encoder fetch ${encoder}`,
          },
        ]),
    {
      kind: "retriever",
      name: url,
      state: "elsewhere",
      downloadGiB: null,
      licence: null,
      command:
        url === wikipedia.retriever.url
          ? "npm run s3 -- launch --preset serve-paper-retriever"
          : null,
    },
  ];
}
