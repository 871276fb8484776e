import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { VllmClient } from "./client";
import { buildSamplerLaunch, type SamplerLaunchOptions } from "./launch-options";
import { VllmProcess } from "./process";

const signal = new AbortController().signal;

describe("the server's process", () => {
  const command = [
    process.execPath,
    "--import",
    "tsx",
    join(ROOT, "gpu-workers/llm/vllm-server/testing/scripted-server.ts"),
  ];
  const setting: SamplerLaunchOptions = {
    model: "a-model",
    weights: { kind: "adapter", rank: 24 },
    dtype: "bfloat16",
    memoryShare: 0.4,
    tensorParallelSize: 2,
    devices: "2,3",
    isCpuBuild: false,
  };
  const start = (
    more: Partial<SamplerLaunchOptions> = {},
    options: object = {},
  ): Promise<VllmProcess> =>
    VllmProcess.start(buildSamplerLaunch({ ...setting, ...more }), { signal, command, ...options });

  it("is told the rank that vLLM has kernels for, and refuses one beyond them", () => {
    const { args, env } = buildSamplerLaunch(setting);
    expect(args.slice(0, 3)).toEqual(["serve", "a-model", "--enable-lora"]);
    expect(args.join(" ")).toContain(
      "--max-lora-rank 32 --max-loras 2 --served-model-name base --dtype bfloat16 --gpu-memory-utilization 0.4 --tensor-parallel-size 2 --logprobs-mode processed_logprobs --generation-config vllm",
    );
    expect(env).toEqual({
      VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True",
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: "2,3",
    });
    const large = { kind: "adapter", rank: 600 } as const;
    expect(() => buildSamplerLaunch({ ...setting, weights: large })).toThrow("at most rank 512");
  });

  it("that takes whole weights asks for its key where vLLM would not; the build for the CPU compiles nothing", () => {
    const { args, env } = buildSamplerLaunch({
      ...setting,
      weights: { kind: "full" },
      devices: null,
      isCpuBuild: true,
    });
    expect(args.join(" ")).toContain("serve a-model --middleware require_key.RequireKey ");
    expect(args).not.toContain("--enable-lora");
    expect(args.at(-1)).toBe("--enforce-eager");
    expect(env).toMatchObject({ VLLM_SERVER_DEV_MODE: "1" });
    expect(existsSync(join(env!.PYTHONPATH!.split(delimiter)[0]!, "require_key.py"))).toBe(true);
    expect(env).not.toHaveProperty("CUDA_VISIBLE_DEVICES");
  });

  it("starts, answers, tells of its death, and can be started anew", async () => {
    const lines: string[] = [];
    let died: (message: string) => void = () => undefined;
    const death = new Promise<string>((resolve) => (died = resolve));
    const first = await start(
      {},
      {
        onUnexpectedExit: ({ message }: Error) => died(message),
        onLog: (line: string) => lines.push(line),
      },
    );
    const asked = {
      model: "base",
      prompt: [1],
      n: 1,
      max_tokens: 4,
      temperature: 1,
      top_p: 1,
      top_k: -1,
      repetition_penalty: 1,
      seed: 1,
      stop: [],
      stop_token_ids: [],
    };
    const client = new VllmClient(first);
    const [answer] = await client.complete(asked, signal);
    expect(answer).toEqual({ ids: [7, 2], logprobs: [-0.5, -0.5], finish: "stop" });
    const pid = Number(/serving a-model as (\d+)/.exec(lines.join("\n"))?.[1]);
    process.kill(pid, "SIGKILL");
    expect(await death).toContain("SIGKILL");
    await expect(client.complete(asked, signal)).rejects.toMatchObject({
      code: "sampler-unavailable",
    });
    const second = await start();
    expect(await new VllmClient(second).complete(asked, signal)).toHaveLength(1);
    await second.stop();
    await expect(fetch(`${second.url}/health`)).rejects.toThrow();
  });

  it("that does not come up says why; one that is not installed says what to do", async () => {
    await expect(start({ model: "broken" })).rejects.toThrow("ValueError: no model folder");
    await expect(start({ model: "noisy" })).rejects.toThrow(
      /ended with code 1\.\n.*ValueError: no model folder\n\.\.\.\nline 21\n[^]*RuntimeError: see/,
    );
    await expect(start({}, { command: ["no-such-vllm"] })).rejects.toThrow("S3_VLLM");
  });
});
