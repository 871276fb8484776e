import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { LLAMA_MODEL } from "./llama-server";

/** Its imports alone take half a minute on a slow machine. */
const START_MS = 300_000;

/** What the proxy calls its model, of chats and of prompts. */
export const LITELLM_MODEL = "small";

/**
 * LiteLLM's own proxy without a database, as its documentation begins, in front of an OpenAI-compatible server.
 * It sees no variable of this process but the path, so that it can pass on no key.
 */
export class LiteLlmProxy {
  static readonly key = "sk-litellm-master";

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  /**
   * @param python that `litellm[proxy]` is installed for (bench/requirements-litellm.txt)
   * @param server behind it: base URL with `/v1`, and key
   */
  static async start(python: string, server: { url: string; key: string }): Promise<LiteLlmProxy> {
    const folder = await mkdtemp(join(tmpdir(), "s3-litellm-"));
    const config = join(folder, "config.yaml");
    // JSON is YAML.
    await writeFile(config, JSON.stringify(buildConfig(server)));
    const port = await findFreePort();
    const child = spawn(
      python,
      [
        ...[join(dirname(python), "litellm"), "--config", config],
        ...["--host", "127.0.0.1", "--port", String(port)],
      ],
      {
        cwd: folder,
        stdio: process.env.S3_LITELLM_DEBUG ? "inherit" : "ignore",
        env: {
          NODE_ENV: "test",
          PATH: process.env.PATH,
          HOME: folder,
          // Prices and headers as they came with the package; else it asks for newer ones.
          LITELLM_LOCAL_MODEL_COST_MAP: "True",
          LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS: "True",
        },
      },
    );
    const proxy = new LiteLlmProxy(child, folder, port);
    await waitUntil("LiteLLM answers", () => proxy.isAlive(), START_MS);
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  /** @throws Error where its process has ended */
  private async isAlive(): Promise<boolean> {
    if (this.process.exitCode !== null)
      throw new Error(`LiteLLM ended with exit code ${this.process.exitCode} (S3_LITELLM_DEBUG=1)`);
    const asked = fetch(`http://127.0.0.1:${this.port}/health/liveliness`);
    return asked.then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      this.process.kill("SIGKILL");
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Without retries and pauses of the proxy's own, which would hide the client's. */
const buildConfig = ({ url, key }: { url: string; key: string }): object => ({
  model_list: [
    {
      model_name: LITELLM_MODEL,
      litellm_params: { model: `openai/${LLAMA_MODEL}`, api_base: url, api_key: key },
    },
  ],
  general_settings: { master_key: LiteLlmProxy.key },
  router_settings: { num_retries: 0, disable_cooldowns: true },
});
