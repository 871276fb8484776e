import { z } from "zod";
import { optionalNameSchema } from "./common";
import { defineLaterSetting, defineSetting } from "./setting";

/** Where a model runs: in the worker's own engine, or at a server (vLLM, SGLang, llama.cpp, a hosted one) in one of the dialects. */

export const endpointSchema = defineSetting(
  z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null),
  "Endpoint",
  "Base URL of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1, or of another one that `dialect` names; empty: the worker's own engine.",
  { paper: "vLLM server" },
);

/** In which dialect an endpoint is asked. */
const dialectNameSchema = z.enum(["openai", "azure", "anthropic", "bedrock", "gemini", "vertex"]);
export type DialectName = z.infer<typeof dialectNameSchema>;

export const dialectSchema = defineLaterSetting(
  dialectNameSchema,
  "openai",
  "Dialect",
  "What the endpoint speaks. `openai`: OpenAI's interface (vLLM, SGLang, llama.cpp, most hosted ones); `azure`: Azure OpenAI, the model is the deployment's name; `anthropic`: Anthropic's Messages; `bedrock`: Amazon Bedrock's Converse; `gemini`: Google's Gemini API; `vertex`: Google Vertex AI, with Claude or Gemini (docs/guides/endpoints.md).",
  { advanced: true },
);

/** Dialects of OpenAI's form, which our own client writes and reads; the others go through their vendors' client libraries. */
const OPENAI_FORMS: ReadonlySet<DialectName> = new Set(["openai", "azure"]);

/** A dialect that only knows chats, answered with a whole turn. */
export type VendorDialect = Exclude<DialectName, "openai" | "azure">;

export const isVendorDialect = (dialect: DialectName | undefined): dialect is VendorDialect =>
  dialect !== undefined && !OPENAI_FORMS.has(dialect);

/** Refuses a dialect without an endpoint, and in a vendor's dialect whatever is no chat. */
export function checkDialect(
  context: z.RefinementCtx,
  { endpoint, dialect }: { endpoint: string | null; dialect?: DialectName | undefined },
  chat: { path: string; isChat: boolean; value: string } | null = null,
): void {
  if (dialect !== undefined && endpoint === null)
    context.addIssue({
      code: "custom",
      path: ["dialect"],
      message: "is of an endpoint: give its address, or leave this at openai",
    });
  if (chat !== null && !chat.isChat && isVendorDialect(dialect))
    context.addIssue({
      code: "custom",
      path: [chat.path],
      message: `the dialect ${dialect} has only chats, no completions of a prompt: set this to ${chat.value}`,
    });
}

/** Whether a model writes down its thoughts first, where its chat template has a switch for it (Qwen3, SmolLM3). */
export const thinkingChoiceSchema = z.enum(["template", "on", "off"]);
export type Thinking = z.infer<typeof thinkingChoiceSchema>;

export const thinkingSchema = defineLaterSetting(
  thinkingChoiceSchema,
  "template",
  "Thinking",
  "Of a model in the worker's own engine whose chat template can switch it (`enable_thinking`: Qwen3, SmolLM3). `template`: as the template has it by itself. Guided decoding leaves no room for thoughts.",
  { advanced: true },
);

/** Of the model of a predict run, which may be a checkpoint. */
export const methodThinkingSchema = defineLaterSetting(
  thinkingChoiceSchema,
  "template",
  "Thinking",
  "Of a model in the worker's own engine whose chat template can switch it (`enable_thinking`: Qwen3, SmolLM3). `template`: as the template has it by itself; with a checkpoint: as in its training. Guided decoding leaves no room for thoughts.",
  { advanced: true },
);

/** Refuses the switch where another server renders the chat. */
export const checkThinking = (
  context: z.RefinementCtx,
  { endpoint, thinking = "template" }: { endpoint: string | null; thinking?: Thinking | undefined },
): void => {
  if (endpoint !== null && thinking !== "template")
    context.addIssue({
      code: "custom",
      path: ["thinking"],
      message:
        "the server at the endpoint renders the chat: switch it there, and leave this at template",
    });
};

const limitSchema = (n: number) => z.int().min(1).max(n).nullable().default(null);
const priceSchema = z.number().min(0).max(100_000).nullable().default(null);

export const connectionSchema = z
  .strictObject({
    key: defineSetting(
      optionalNameSchema,
      "Key",
      "Name of a stored API key, never the key itself; empty: none is sent, unless the worker's environment holds a key for this very server.",
      { advanced: true },
    ),
    concurrency: defineSetting(
      z.int().min(1).max(4096).default(32),
      "Requests at once",
      "Requests to the endpoint that are under way together.",
      { advanced: true },
    ),
    requestsPerMinute: defineSetting(
      limitSchema(1_000_000),
      "Requests a minute",
      "Rate limit of the endpoint; empty: none.",
      { advanced: true },
    ),
    tokensPerMinute: defineSetting(
      limitSchema(1_000_000_000),
      "Tokens a minute",
      "Rate limit of the endpoint, prompt and completion together; empty: none.",
      { advanced: true },
    ),
    timeoutSeconds: defineSetting(
      z.int().min(1).max(3600).default(120),
      "Time-out (s)",
      "Longest wait for one reply before the request is sent again.",
      { advanced: true },
    ),
    retrySeconds: defineSetting(
      z.int().min(0).max(86_400).default(300),
      "Retry for (s)",
      "How long one request is retried before the endpoint counts as unavailable.",
      { advanced: true },
    ),
    promptPrice: defineSetting(
      priceSchema,
      "Price of prompts",
      "US dollars for a million prompt tokens; empty: costs are not counted.",
      { advanced: true },
    ),
    completionPrice: defineSetting(
      priceSchema,
      "Price of completions",
      "US dollars for a million completion tokens.",
      { advanced: true },
    ),
  })
  .prefault({})
  .meta({ title: "Connection", description: "How the endpoint is asked." });
export type ConnectionConfig = z.infer<typeof connectionSchema>;

/** How a prompt reaches a model. */
export const modelApiSchema = defineSetting(
  z.enum(["chat", "chatml", "plain"]).default("chat"),
  "Interface",
  "Of an endpoint. `chat`: chat completions, the last turn is continued by `continue_final_message` (vLLM, SGLang); `chatml`: completions of a prompt in the template of Qwen2.5; `plain`: completions without a template, for base models.",
  { advanced: true },
);
export type ModelApi = z.infer<typeof modelApiSchema>;

/** What keeps a model up in a serve run. */
export const modelServerSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("engine") }),
    z.strictObject({
      kind: z.literal("vllm"),
      tensorParallelSize: defineSetting(
        z.int().min(1).max(64).default(1),
        "Tensor-parallel size",
        "GPUs that the model is spread over.",
      ),
      gpuMemoryUtilization: defineSetting(
        z.number().min(0.05).max(1).default(0.9),
        "GPU memory",
        "Share of each GPU's memory that vLLM takes.",
      ),
      maxModelLen: defineSetting(
        z.int().min(16).max(10_000_000).nullable().default(null),
        "Longest text",
        "Tokens of prompt and completion together; empty: as the model says.",
      ),
    }),
  ])
  .prefault({ kind: "engine" })
  .meta({
    title: "Server",
    description:
      "`engine`: the worker's own; `vllm`: a vLLM that is installed on the worker, on its GPUs.",
  });
export type VllmConfig = Extract<z.infer<typeof modelServerSchema>, { kind: "vllm" }>;
