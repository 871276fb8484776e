import { z } from "zod";
import { alarmsSchema } from "./alarms";
import { methodSettingsSchema } from "./method";
import { checkPrompt, findPromptId, promptTextSchema } from "./prompt";
import { connectionSchema, endpointSchema, modelApiSchema, modelServerSchema } from "./model";
import { corpusNameSchema, corpusSourceSchema } from "./corpus-source";
import { retrieverSchema } from "./retriever";
import { samplerFields, listSamplerProblems } from "./sampler";
import { failuresSchema, judgeSchema, reuseSchema, scorerSchema } from "./scoring";
import { describeSetting } from "./setting";
import {
  checkpointingSchema,
  coldStartSchema,
  evaluationSchema,
  rewardSchema,
  rlSchema,
} from "./training";
import { methodNameSchema, protocolSchema } from "@/contracts/records/episode";
import { RETRIEVE_LIMITS } from "@/contracts/formats/retrieve";

export { retrieverSchema as retriever, type RetrieverConfig } from "./retriever";
export type { SettingMeta } from "./setting";

/**
 * The configuration of a run. Every setting carries `meta`: title, what it means, and the paper's value where the
 * paper has one; the form and the documentation are drawn from it, so a setting exists in this file alone.
 */

const nameSchema = z
  .string()
  .trim()
  .min(1, "give the run a name")
  .max(120)
  .meta(describeSetting("Name", "How the run is listed."));
const seedSchema = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .default(0)
  .meta(describeSetting("Seed", "Same seed, same machine: same episodes and weights."));

export const dataSchema = z
  .strictObject({
    corpus: z
      .string()
      .min(1)
      .default("atlas")
      .meta(describeSetting("Corpus", "Documents that are searched.", { paper: "Wikipedia 2018" })),
    trainQuestions: z
      .string()
      .min(1)
      .default("atlas/train")
      .meta(
        describeSetting("Training questions", "Question set that the searcher learns from.", {
          paper: "NQ + HotpotQA, filtered",
        }),
      ),
    heldOutQuestions: z
      .string()
      .min(1)
      .default("atlas/held-out")
      .meta(
        describeSetting("Held-out questions", "Question set for evaluation; never trained on."),
      ),
  })
  .prefault({})
  .meta({ title: "Data", description: "What is searched and asked." });

export const searchSchema = z
  .strictObject({
    protocol: protocolSchema
      .default("paper")
      .meta(
        describeSetting(
          "Protocol",
          "`paper` follows the paper with the released code's defects mended; `upstream` reproduces the released code.",
          { paper: "paper" },
        ),
      ),
    retrieve: z
      .int()
      .min(1)
      .max(50)
      .default(8)
      .meta(
        describeSetting("Documents retrieved", "Documents in each window the searcher reads.", {
          paper: "8",
        }),
      ),
    select: z
      .int()
      .min(1)
      .max(20)
      .default(3)
      .meta(
        describeSetting(
          "Documents selected",
          "At most this many documents are kept from each window.",
          {
            paper: "3",
          },
        ),
      ),
    turns: z
      .int()
      .min(0)
      .max(10)
      .default(3)
      .meta(
        describeSetting("Turns", "Searches after the retrieval with the question itself.", {
          paper: "3",
        }),
      ),
    skipSeen: z
      .boolean()
      .default(false)
      .meta(
        describeSetting(
          "Skip documents already seen",
          "Later windows hold only documents that no earlier window held.",
          { paper: "off" },
        ),
      ),
    decoding: z
      .enum(["guided", "free"])
      .default("free")
      .meta(
        describeSetting(
          "Decoding",
          "`guided` lets a small model only write the protocol's form; `free` lets the model write and counts its format errors.",
          { paper: "free" },
        ),
      ),
    queryTokens: z
      .int()
      .min(4)
      .max(256)
      .default(64)
      .meta(
        describeSetting("Query tokens", "Longest query, in tokens (guided decoding).", {
          advanced: true,
        }),
      ),
    turnTokens: z
      .int()
      .min(16)
      .max(4096)
      .default(500)
      .meta(
        describeSetting("Turn tokens", "Longest text of one turn, in tokens (free decoding).", {
          paper: "500",
          advanced: true,
        }),
      ),
  })
  .prefault({})
  .meta({ title: "Search", description: "The retrieve-select-turns setting, e.g. 8-3-3." });
export type SearchConfig = z.infer<typeof searchSchema>;

export const generatorSchema = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .default("smollm2-135m-instruct")
      .meta(
        describeSetting("Model", "Frozen model that answers from the selected documents.", {
          paper: "Qwen2.5-14B-Instruct-GPTQ-Int4",
        }),
      ),
    endpoint: endpointSchema,
    connection: connectionSchema,
    promptStyle: z
      .enum(["few-shot", "chat"])
      .default("chat")
      .meta(
        describeSetting(
          "Prompt style",
          "`few-shot` completes three worked examples (small models); `chat` asks as upstream does.",
          { paper: "chat" },
        ),
      ),
    promptTemplate: promptTextSchema.meta(
      describeSetting(
        "Prompt",
        "Text of the prompt of style `chat` with its {placeholders}; empty: the built-in version. The version is part of every answer's key.",
        { advanced: true },
      ),
    ),
    maxTokens: z
      .int()
      .min(1)
      .max(2048)
      .default(64)
      .meta(describeSetting("Answer tokens", "Longest answer, in tokens.")),
    ragDocuments: z
      .int()
      .min(1)
      .max(50)
      .default(3)
      .meta(
        describeSetting(
          "Naive-RAG documents",
          "Documents that naive RAG hands over: the baseline of GBR.",
          {
            paper: "3",
          },
        ),
      ),
  })
  .superRefine(({ promptStyle, promptTemplate }, context) =>
    checkPrompt(
      context,
      ["promptTemplate"],
      findPromptId("generator.promptTemplate", { promptStyle }),
      promptTemplate,
    ),
  )
  .prefault({})
  .meta({
    title: "Generator",
    description: "The frozen model that answers, and the naive-RAG baseline it gives.",
  });
export type GeneratorConfig = z.infer<typeof generatorSchema>;

export { scorerSchema as scorer, type JudgeConfig, type ScorerName } from "./scoring";
export {
  rlSchema as rl,
  type AlgorithmName,
  type RewardConfig,
  type RewardTerm,
  type RlConfig,
} from "./training";

const searcherFields = {
  model: z
    .string()
    .min(1)
    .default("smollm2-135m-instruct")
    .meta(describeSetting("Model", "Searcher that is trained.", { paper: "Qwen2.5-7B-Instruct" })),
  checkpoint: z
    .uuid()
    .nullable()
    .default(null)
    .meta(
      describeSetting("Start from checkpoint", "A checkpoint's id; empty: the untrained model."),
    ),
  tuning: z
    .enum(["lora", "full"])
    .default("lora")
    .meta(
      describeSetting(
        "Tuning",
        "`lora`: an adapter on the frozen model; `full`: the weights themselves, from the first trained layer on.",
        { paper: "full", advanced: true },
      ),
    ),
  adapter: z
    .strictObject({
      rank: z
        .int()
        .min(1)
        .max(256)
        .default(16)
        .meta(describeSetting("LoRA rank", "Rank of the adapter.", { paper: "full fine-tuning" })),
      alpha: z
        .number()
        .positive()
        .max(1024)
        .default(32)
        .meta(
          describeSetting("LoRA alpha", "Scale of the adapter: alpha / rank.", { advanced: true }),
        ),
      firstLayer: z
        .int()
        .min(0)
        .max(200)
        .default(0)
        .meta(
          describeSetting(
            "First trained layer",
            "Layers below stay frozen, so no gradient enters them.",
            {
              advanced: true,
            },
          ),
        ),
    })
    .prefault({}),
};

export const searcherSchema = z
  .strictObject({
    ...searcherFields,
    ...samplerFields,
    checkpointState: z
      .enum(["weights", "all"])
      .default("weights")
      .meta(
        describeSetting(
          "Taken from the checkpoint",
          "`weights`: the searcher alone, with a fresh optimiser and critic; `all`: optimiser, critic, KL coefficient and place in the questions as well.",
          { advanced: true },
        ),
      ),
  })
  .refine(
    ({ checkpoint, checkpointState }) => checkpoint !== null || checkpointState === "weights",
    {
      path: ["checkpoint"],
      message: "give the checkpoint whose state is taken, or set checkpointState to weights",
    },
  )
  .prefault({})
  .meta({ title: "Searcher", description: "The model that learns to search." });

/** The model that a method asks; s3's and a checkpoint's is the trained searcher. */
export const methodModelSchema = z
  .strictObject({
    ...searcherFields,
    endpoint: endpointSchema,
    api: modelApiSchema,
    connection: connectionSchema,
  })
  .prefault({})
  .meta({
    title: "Method's model",
    description: "The searcher of s3, or the model that a baseline itself asks.",
  });

export const trainConfigSchema = z
  .strictObject({
    kind: z.literal("train"),
    name: nameSchema,
    seed: seedSchema,
    data: dataSchema,
    retriever: retrieverSchema,
    search: searchSchema,
    searcher: searcherSchema,
    generator: generatorSchema,
    reward: rewardSchema,
    judge: judgeSchema,
    coldStart: coldStartSchema,
    rl: rlSchema,
    evaluation: evaluationSchema,
    checkpointing: checkpointingSchema,
    alarms: alarmsSchema,
  })
  .superRefine((config, context) => {
    for (const [path, message] of listSamplerProblems(config))
      context.addIssue({ code: "custom", path: path.split("."), message });
  });
export type TrainConfig = z.infer<typeof trainConfigSchema>;

export const predictConfigSchema = z
  .strictObject({
    kind: z.literal("predict"),
    name: nameSchema,
    seed: seedSchema,
    method: methodNameSchema
      .default("s3")
      .meta(
        describeSetting(
          "Method",
          "`s3`: the search loop; `rag`: the top documents of the question itself; `direct`, `cot`, `r1`, `sft`: the model alone; `ircot`, `deepretrieval`, `search-r1`, `search-o1`: other ways to search; `gold`: the gold documents alone, the generator's ceiling (docs/method.md).",
        ),
      ),
    methodSettings: methodSettingsSchema,
    corpus: z
      .string()
      .min(1)
      .default("atlas")
      .meta(describeSetting("Corpus", "Documents that are searched.")),
    questions: z
      .string()
      .min(1)
      .default("atlas/held-out")
      .meta(describeSetting("Questions", "Question set that is answered.")),
    limit: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta(describeSetting("Limit", "Only the first n questions; empty: all.")),
    retriever: retrieverSchema,
    search: searchSchema,
    searcher: methodModelSchema,
    generator: generatorSchema,
    scorer: scorerSchema,
    judge: judgeSchema,
    reuse: reuseSchema,
    failures: failuresSchema,
    documents: z
      .int()
      .min(1)
      .max(50)
      .default(3)
      .meta(describeSetting("Documents", "Documents that method `rag` hands over.")),
    matchRun: z
      .uuid()
      .nullable()
      .default(null)
      .meta(
        describeSetting(
          "Match documents of run",
          "Method `rag` hands over as many documents per question as this run did (document-matched RAG).",
        ),
      ),
  })
  .superRefine(({ method, search: { protocol }, methodSettings }, context) => {
    checkPrompt(
      context,
      ["methodSettings", "promptTemplate"],
      findPromptId("methodSettings.promptTemplate", { method, protocol }),
      methodSettings.promptTemplate,
    );
    checkPrompt(
      context,
      ["methodSettings", "condensingPrompt"],
      findPromptId("methodSettings.condensingPrompt", { method }),
      methodSettings.condensingPrompt,
    );
  });
export type PredictConfig = z.infer<typeof predictConfigSchema>;

/** Pins a run to one worker. */
const workerSchema = z
  .string()
  .trim()
  .min(1)
  .max(120)
  .nullable()
  .default(null)
  .meta(
    describeSetting(
      "Worker",
      "Name or id of the worker that takes it, as the Workers page shows it; empty: any that can.",
    ),
  );

export const indexConfigSchema = z.strictObject({
  kind: z.literal("index"),
  name: nameSchema,
  worker: workerSchema,
  corpus: corpusNameSchema.meta(
    describeSetting(
      "Corpus",
      "Corpus to index; with a source: the name under which it is imported.",
    ),
  ),
  source: corpusSourceSchema,
  buildIndex: z
    .boolean()
    .default(true)
    .meta(describeSetting("Build the index", "Off: the corpus is imported only.")),
  retriever: retrieverSchema,
});
export type IndexConfig = z.infer<typeof indexConfigSchema>;

const serveLimitsSchema = z
  .strictObject({
    queries: z
      .int()
      .min(1)
      .max(RETRIEVE_LIMITS.queries)
      .default(RETRIEVE_LIMITS.queries)
      .meta(
        describeSetting("Queries in a request", "A request with more is refused.", {
          advanced: true,
        }),
      ),
    queryCharacters: z
      .int()
      .min(1)
      .max(RETRIEVE_LIMITS.queryCharacters)
      .default(RETRIEVE_LIMITS.queryCharacters)
      .meta(
        describeSetting(
          "Characters of a query",
          "A longer query is refused; none is cut silently.",
          {
            advanced: true,
          },
        ),
      ),
    topk: z
      .int()
      .min(1)
      .max(RETRIEVE_LIMITS.topk)
      .default(RETRIEVE_LIMITS.topk)
      .meta(describeSetting("Documents a query", "Largest topk of a request.", { advanced: true })),
    batch: z
      .int()
      .min(1)
      .max(4096)
      .default(256)
      .meta(
        describeSetting("Batch", "Queries of concurrent requests that are searched together.", {
          advanced: true,
        }),
      ),
    waiting: z
      .int()
      .min(1)
      .max(100_000)
      .default(4096)
      .meta(
        describeSetting(
          "Waiting queries",
          "Where more wait, requests are answered 503 with the time to come back.",
          { advanced: true },
        ),
      ),
  })
  .prefault({})
  .meta({ title: "Limits", description: "What the service takes before it refuses." });

/** Where a service listens, and how others reach it. */
const listenFields = {
  host: z
    .string()
    .trim()
    .min(1)
    .default("127.0.0.1")
    .meta(
      describeSetting(
        "Listen on",
        "Address that the worker listens on; the loopback reaches this worker only.",
      ),
    ),
  port: z.int().min(0).max(65_535).default(0).meta(describeSetting("Port", "0: any free one.")),
  advertise: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null)
    .meta(
      describeSetting(
        "Advertised address",
        "How others reach it, e.g. http://gpu-box:3000, where that differs from what it listens on.",
      ),
    ),
};

/** Whether an address reaches no other machine. */
export const isLoopback = (host: string): boolean => /^(127\.|localhost$|::1$)/.test(host);

const serveRetrieverConfigSchema = z.strictObject({
  kind: z.literal("serve"),
  // Stored before models could be served, a configuration does not name it.
  what: z.literal("retriever").optional().default("retriever"),
  name: nameSchema,
  worker: workerSchema,
  corpus: corpusNameSchema.meta(describeSetting("Corpus", "Corpus that is searched.")),
  retriever: retrieverSchema,
  ...listenFields,
  limits: serveLimitsSchema,
});
export type ServeRetrieverConfig = z.infer<typeof serveRetrieverConfigSchema>;

const serveModelConfigSchema = z
  .strictObject({
    kind: z.literal("serve"),
    what: z.literal("model"),
    name: nameSchema,
    worker: workerSchema,
    model: z
      .string()
      .trim()
      .min(1)
      .default("smollm2-135m-instruct")
      .meta(
        describeSetting(
          "Model",
          "A model that is installed on the worker; vLLM also takes a folder there, or a name on the Hugging Face hub, which it then downloads.",
          { paper: "Qwen2.5-14B-Instruct-GPTQ-Int4" },
        ),
      ),
    checkpoint: z
      .uuid()
      .nullable()
      .default(null)
      .meta(
        describeSetting(
          "Checkpoint",
          "A training run's checkpoint of this model, served by the engine with its adapter; empty: the model as it is.",
        ),
      ),
    server: modelServerSchema,
    ...listenFields,
    key: z
      .string()
      .trim()
      .min(1)
      .max(120)
      .nullable()
      .default(null)
      .meta(
        describeSetting(
          "Key",
          "Name of a stored API key that clients must send, stored for the advertised address; needed beyond the loopback.",
        ),
      ),
    concurrency: z
      .int()
      .min(1)
      .max(4096)
      .default(64)
      .meta(
        describeSetting(
          "Requests at once",
          "Requests that the model works on together; others wait.",
          {
            advanced: true,
          },
        ),
      ),
    waiting: z
      .int()
      .min(0)
      .max(100_000)
      .default(1024)
      .meta(
        describeSetting(
          "Waiting requests",
          "Where more wait, requests are answered 503 with the time to come back.",
          { advanced: true },
        ),
      ),
  })
  .superRefine(({ host, key, advertise, server, checkpoint }, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (!isLoopback(host) && key === null)
      wrong(
        "key",
        `is needed where the service listens on ${host}: without one, whoever reaches it there can use the model. Store one on the Workers page`,
      );
    if (key !== null && advertise === null)
      wrong(
        "advertise",
        "is needed with a key, which is stored for this address and given for no other",
      );
    if (checkpoint !== null && server.kind !== "engine")
      wrong("checkpoint", "is served by the engine only; export the model for vLLM");
  });
export type ServeModelConfig = z.infer<typeof serveModelConfigSchema>;

/** The name that clients give: a checkpoint's is its own, as answers are kept by it. */
export const formatServedName = ({
  model,
  checkpoint,
}: Pick<ServeModelConfig, "model" | "checkpoint">): string =>
  checkpoint === null ? model : `${model}@${checkpoint.slice(0, 8)}`;

export const serveConfigSchema = z.discriminatedUnion("what", [
  serveRetrieverConfigSchema,
  serveModelConfigSchema,
]);
export type ServeConfig = z.infer<typeof serveConfigSchema>;

export const evaluateConfigSchema = z.strictObject({
  kind: z.literal("evaluate"),
  name: nameSchema,
  corpus: corpusNameSchema.meta(describeSetting("Corpus", "Documents that are searched.")),
  questions: z
    .string()
    .min(1)
    .default("atlas/held-out")
    .meta(
      describeSetting(
        "Questions",
        "Question set with gold documents; the question itself is the query.",
      ),
    ),
  limit: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .meta(describeSetting("Limit", "Only the first n questions; empty: all.")),
  k: z
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .meta(
      describeSetting(
        "Depth",
        "Documents retrieved for each question: recall is known up to here.",
      ),
    ),
  retriever: retrieverSchema,
});
export type EvaluateConfig = z.infer<typeof evaluateConfigSchema>;

/** Strict everywhere: an unknown key is an error that names it, never a setting that is silently ignored. */
export const runConfigSchema = z.discriminatedUnion("kind", [
  trainConfigSchema,
  predictConfigSchema,
  indexConfigSchema,
  serveConfigSchema,
  evaluateConfigSchema,
]);
export type RunConfig = z.infer<typeof runConfigSchema>;
export type RunConfigInput = z.input<typeof runConfigSchema>;
