import { z } from "zod";
import { nameSchema, workerSchema, optionalNameSchema } from "./common";
import { corpusNameSchema } from "./corpus-source";
import { modelServerSchema } from "./model";
import { retrieverSchema } from "./retriever";
import { defineLaterSetting, defineSetting } from "./setting";
import { isLoopbackName } from "@/contracts/formats/loopback";
import { DEFAULT_TOPK, RETRIEVE_LIMITS } from "@/contracts/formats/retrieve";

const serveLimitsSchema = z
  .strictObject({
    queries: defineSetting(
      z.int().min(1).max(RETRIEVE_LIMITS.queries).default(RETRIEVE_LIMITS.queries),
      "Queries in a request",
      "A request with more is refused.",
      { advanced: true },
    ),
    queryCharacters: defineSetting(
      z.int().min(1).max(RETRIEVE_LIMITS.queryCharacters).default(RETRIEVE_LIMITS.queryCharacters),
      "Characters of a query",
      "A longer query is refused; none is cut silently.",
      { advanced: true },
    ),
    topk: defineSetting(
      z.int().min(1).max(RETRIEVE_LIMITS.topk).default(RETRIEVE_LIMITS.topk),
      "Documents a query",
      "Largest topk of a request.",
      { advanced: true },
    ),
    batch: defineSetting(
      z.int().min(1).max(4096).default(256),
      "Batch",
      "Queries of concurrent requests that are searched together.",
      { advanced: true },
    ),
    waiting: defineSetting(
      z.int().min(1).max(100_000).default(4096),
      "Waiting queries",
      "Where more wait, requests are answered 503 with the time to come back.",
      { advanced: true },
    ),
  })
  .prefault({})
  .meta({ title: "Limits", description: "What the service takes before it refuses." });

/** Where a service listens, and how others reach it. */
const listenFields = {
  host: defineSetting(
    z.string().trim().min(1).default("127.0.0.1"),
    "Listen on",
    "Address that the worker listens on; the loopback reaches this worker only.",
  ),
  port: defineSetting(z.int().min(0).max(65_535).default(0), "Port", "0: any free one."),
  advertise: defineSetting(
    z
      .url({ protocol: /^https?$/ })
      .nullable()
      .default(null),
    "Advertised address",
    "How others reach it, e.g. http://gpu-box:3000, where that differs from what it listens on.",
  ),
};

const serveRetrieverConfigSchema = z
  .strictObject({
    kind: z.literal("serve"),
    // Stored before models could be served, a configuration does not name it.
    what: z.literal("retriever").optional().default("retriever"),
    name: nameSchema,
    worker: workerSchema,
    corpus: defineSetting(corpusNameSchema, "Corpus", "Corpus that is searched."),
    retriever: retrieverSchema,
    defaultTopk: defineLaterSetting(
      z.int().min(1).max(RETRIEVE_LIMITS.topk).nullable(),
      null,
      "Documents by default",
      `Documents a query for requests that name no \`topk\`; empty: ${DEFAULT_TOPK}, or the limit where that is lower.`,
    ),
    ...listenFields,
    limits: serveLimitsSchema,
  })
  .refine(({ defaultTopk, limits }) => (defaultTopk ?? 1) <= limits.topk, {
    path: ["defaultTopk"],
    message: "is more than limits.topk lets a request ask for: lower it, or raise that limit",
  });
export type ServeRetrieverConfig = z.infer<typeof serveRetrieverConfigSchema>;

/** Names in one text. */
const parseNames = (text: string | null | undefined): string[] =>
  (text ?? "").split(/[\s,]+/).filter((name) => name !== "");

const serveModelConfigSchema = z
  .strictObject({
    kind: z.literal("serve"),
    what: z.literal("model"),
    name: nameSchema,
    worker: workerSchema,
    model: defineSetting(
      z.string().trim().min(1).default("smollm2-135m-instruct"),
      "Model",
      "A model that is installed on the worker; vLLM also takes a folder there, or a name on the Hugging Face hub, which it then downloads.",
      { paper: "Qwen2.5-14B-Instruct-GPTQ-Int4" },
    ),
    checkpoint: defineSetting(
      z.uuid().nullable().default(null),
      "Checkpoint",
      "A training run's checkpoint of this model, served by the engine with its adapter; empty: the model as it is.",
    ),
    aliases: defineLaterSetting(
      z.string().trim().max(2_000).nullable(),
      null,
      "Further names",
      "Names, with spaces between, by which clients may ask for the model beside its own; answers are kept by the name that was asked for, so let a name mean one model for good.",
      { advanced: true },
    ),
    server: modelServerSchema,
    ...listenFields,
    key: defineSetting(
      optionalNameSchema,
      "Key",
      "Name of a stored API key that clients must send, stored for the advertised address; needed beyond the loopback.",
    ),
    concurrency: defineSetting(
      z.int().min(1).max(4096).default(64),
      "Requests at once",
      "Requests that the model works on together; others wait.",
      { advanced: true },
    ),
    waiting: defineSetting(
      z.int().min(0).max(100_000).default(1024),
      "Waiting requests",
      "Where more wait, requests are answered 503 with the time to come back.",
      { advanced: true },
    ),
  })
  .superRefine(({ host, key, advertise, server, checkpoint }, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (!isLoopbackName(host) && key === null)
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

/** All names that clients may give: the model's own first. */
export const listServedNames = (config: ServeModelConfig): string[] => [
  ...new Set([formatServedName(config), ...parseNames(config.aliases)]),
];

export const serveConfigSchema = z.discriminatedUnion("what", [
  serveRetrieverConfigSchema,
  serveModelConfigSchema,
]);
export type ServeConfig = z.infer<typeof serveConfigSchema>;
