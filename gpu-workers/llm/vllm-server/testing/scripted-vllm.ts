import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import type { AddressInfo } from "node:net";

/** A continuation that the script gives for a prompt: tokens with log-probabilities, or what replaces the whole answer. */
export interface ScriptedContinuation {
  token_ids?: number[] | null;
  token_logprobs?: (number | null)[];
  finish_reason?: string;
  prompt_token_ids?: number[];
}
export interface CompletionBody {
  model: string;
  prompt: number[];
  n: number;
  max_tokens: number;
  prompt_logprobs?: number;
  [setting: string]: unknown;
}
export type Script = (
  body: CompletionBody,
  call: number,
) => ScriptedContinuation[] | { status: number; body: unknown } | "cut";

/**
 * Plays the documented protocol of vLLM's OpenAI-compatible server: /health, /v1/completions, /v1/load_lora_adapter and
 * /v1/unload_lora_adapter, and of its development mode what replaces whole weights, with their checks and error bodies.
 * For tests.
 */
export class ScriptedVllm {
  readonly requests: {
    path: string;
    authorization: string | undefined;
    body: Record<string, unknown>;
  }[] = [];
  readonly adapters = new Map<string, string>();
  private completions = 0;
  /** By the whole weights that it holds. */
  private ownLogprob: number;
  isPaused = false;
  /** Answers that weights were loaded, and goes on with those before. */
  ignoresReload = false;
  /** Refuses the next load with this reason. */
  refuseLoad: string | null = null;
  /** Answers 503 so many times. */
  busy = 0;
  private readonly server: Server;

  /** @param score log-probability of every token with the weights of this folder (null: the base's) */
  constructor(
    private readonly script: Script,
    private readonly score: (folder: string | null) => number = () => -2,
  ) {
    this.ownLogprob = score(null);
    this.server = createServer((request, response) => {
      void read(request).then((text) => {
        const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
        const path = request.url ?? "";
        const answer = (status: number, value: unknown): void =>
          void response
            .writeHead(status, { "content-type": "application/json" })
            .end(typeof value === "string" ? value : JSON.stringify(value));
        if (path === "/health") return answer(200, "");
        this.requests.push({ path, authorization: request.headers.authorization, body });
        if (this.busy-- > 0) return answer(503, buildError("The server is overloaded.", 503));
        if (path === "/v1/load_lora_adapter")
          return this.load(body as { lora_name: string; lora_path: string }, answer);
        if (path === "/v1/unload_lora_adapter") {
          if (!this.adapters.delete(String(body.lora_name)))
            return answer(
              404,
              buildError(`The lora adapter '${String(body.lora_name)}' cannot be found.`, 404),
            );
          return answer(
            200,
            `Success: LoRA adapter '${String(body.lora_name)}' removed successfully.`,
          );
        }
        const control = this.control(path, body);
        if (control) return answer(...control);
        if (path !== "/v1/completions") return answer(404, buildError("Not Found", 404));
        const asked = body as CompletionBody;
        if (this.isPaused) return answer(503, buildError("The server is paused.", 503));
        if (asked.model !== "base" && !this.adapters.has(asked.model))
          return answer(404, buildError(`The model \`${asked.model}\` does not exist.`, 404));
        if (asked.prompt_logprobs !== undefined) return answer(200, this.scorePrompt(asked));
        const said = this.script(asked, this.completions++);
        if (said === "cut")
          return void response
            .writeHead(200, { "content-length": "1000" })
            .write('{"choices": [', () => response.destroy());
        if ("status" in said) return answer(said.status, said.body);
        answer(200, {
          object: "text_completion",
          model: asked.model,
          choices: said.map(
            (
              {
                token_ids = [],
                token_logprobs,
                finish_reason = "stop",
                prompt_token_ids = asked.prompt,
              },
              index,
            ) => ({
              index,
              text: "",
              finish_reason,
              stop_reason: null,
              token_ids,
              prompt_token_ids,
              logprobs: {
                tokens: [],
                text_offset: [],
                top_logprobs: [],
                token_logprobs: token_logprobs ?? (token_ids ?? []).map(() => -0.5),
              },
            }),
          ),
          usage: {
            prompt_tokens: asked.prompt.length,
            completion_tokens: 1,
            total_tokens: asked.prompt.length + 1,
          },
        });
      });
    });
  }

  /** What the development mode offers. @returns status and body, or null for another path */
  private control(
    path: string,
    { method, kwargs }: Record<string, unknown>,
  ): [status: number, body: unknown] | null {
    switch (path) {
      case "/pause?mode=wait":
        this.isPaused = true;
        return [200, { status: "paused" }];
      case "/resume":
        this.isPaused = false;
        return [200, { status: "resumed" }];
      case "/reset_prefix_cache":
        return [200, { success: true }];
      case "/collective_rpc": {
        const { weights_path: folder } = kwargs as { weights_path: string };
        if (method !== "reload_weights" || !existsSync(join(folder, "config.json")))
          return [500, buildError("Call to collective_rpc method failed: no such folder", 500)];
        if (!this.ignoresReload) this.ownLogprob = this.score(folder);
        return [200, { results: [null] }];
      }
      default:
        return null;
    }
  }

  private scorePrompt({ model, prompt }: CompletionBody): unknown {
    const folder = this.adapters.get(model);
    const logprob = folder === undefined ? this.ownLogprob : this.score(folder);
    const prompt_logprobs = prompt.map((id, i) =>
      i === 0 ? null : { [id]: { logprob, rank: 1 }, [id + 1]: { logprob: -9, rank: 2 } },
    );
    return { choices: [{ index: 0, text: "x", finish_reason: "length", prompt_logprobs }] };
  }

  private load(
    { lora_name: name, lora_path: path }: { lora_name: string; lora_path: string },
    answer: (status: number, value: unknown) => void,
  ): void {
    if (this.refuseLoad !== null) {
      const reason = this.refuseLoad;
      this.refuseLoad = null;
      return answer(500, buildError(reason, 500));
    }
    if (this.adapters.has(name))
      return answer(400, buildError(`The lora adapter '${name}' has already been loaded.`, 400));
    if (!existsSync(join(path, "adapter_config.json")))
      return answer(
        404,
        buildError(`Loading lora ${name} failed: No adapter found for ${path}`, 404),
      );
    this.adapters.set(name, path);
    answer(200, `Success: LoRA adapter '${name}' added successfully.`);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

const buildError = (message: string, code: number): unknown => ({
  error: { message, type: "Error", param: null, code },
});

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
