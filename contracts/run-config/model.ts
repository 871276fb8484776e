import { z } from "zod";
import { optionalNameSchema } from "./common";
import { explain } from "./setting";

/** Where a model runs: in the worker's own engine, or at an OpenAI-compatible server (vLLM, SGLang, llama.cpp, a hosted one). */

export const endpointSchema = z
  .url({ protocol: /^https?$/ })
  .nullable()
  .default(null)
  .meta(
    explain(
      "Endpoint",
      "Base URL of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1; empty: the worker's own engine.",
      { paper: "vLLM server" },
    ),
  );

const limitSchema = (n: number) => z.int().min(1).max(n).nullable().default(null);
const priceSchema = z.number().min(0).max(100_000).nullable().default(null);

export const connectionSchema = z
  .strictObject({
    key: optionalNameSchema.meta(
      explain(
        "Key",
        "Name of a stored API key, never the key itself; empty: none is sent, unless the worker's environment holds a key for this very server.",
        { advanced: true },
      ),
    ),
    concurrency: z
      .int()
      .min(1)
      .max(4096)
      .default(32)
      .meta(
        explain("Requests at once", "Requests to the endpoint that are under way together.", {
          advanced: true,
        }),
      ),
    requestsPerMinute: limitSchema(1_000_000).meta(
      explain("Requests a minute", "Rate limit of the endpoint; empty: none.", { advanced: true }),
    ),
    tokensPerMinute: limitSchema(1_000_000_000).meta(
      explain(
        "Tokens a minute",
        "Rate limit of the endpoint, prompt and completion together; empty: none.",
        { advanced: true },
      ),
    ),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(120)
      .meta(
        explain("Time-out (s)", "Longest wait for one reply before the request is sent again.", {
          advanced: true,
        }),
      ),
    retrySeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(300)
      .meta(
        explain(
          "Retry for (s)",
          "How long one request is retried before the endpoint counts as unavailable.",
          { advanced: true },
        ),
      ),
    promptPrice: priceSchema.meta(
      explain(
        "Price of prompts",
        "US dollars for a million prompt tokens; empty: costs are not counted.",
        { advanced: true },
      ),
    ),
    completionPrice: priceSchema.meta(
      explain("Price of completions", "US dollars for a million completion tokens.", {
        advanced: true,
      }),
    ),
  })
  .prefault({})
  .meta({ title: "Connection", description: "How the endpoint is asked." });
export type ConnectionConfig = z.infer<typeof connectionSchema>;

/** How a prompt reaches a model. */
export const modelApiSchema = z
  .enum(["chat", "chatml", "plain"])
  .default("chat")
  .meta(
    explain(
      "Interface",
      "Of an endpoint. `chat`: chat completions, the last turn is continued by `continue_final_message` (vLLM, SGLang); `chatml`: completions of a prompt in the template of Qwen2.5; `plain`: completions without a template, for base models.",
      { advanced: true },
    ),
  );
export type ModelApi = z.infer<typeof modelApiSchema>;

/** What keeps a model up in a serve run. */
export const modelServerSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("engine") }),
    z.strictObject({
      kind: z.literal("vllm"),
      tensorParallelSize: z
        .int()
        .min(1)
        .max(64)
        .default(1)
        .meta(explain("Tensor-parallel size", "GPUs that the model is spread over.")),
      gpuMemoryUtilization: z
        .number()
        .min(0.05)
        .max(1)
        .default(0.9)
        .meta(explain("GPU memory", "Share of each GPU's memory that vLLM takes.")),
      maxModelLen: z
        .int()
        .min(16)
        .max(10_000_000)
        .nullable()
        .default(null)
        .meta(
          explain(
            "Longest text",
            "Tokens of prompt and completion together; empty: as the model says.",
          ),
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
