import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { modelServerSchema, type VllmConfig } from "@/contracts/run-config/model";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { listServedNames, type ServeModelConfig } from "@/contracts/run-config/serve-config";
import type { ServiceStarters } from "@/gpu-workers/agent/services";
import { TestAgents, NO_SERVICES } from "@/gpu-workers/agent/testing/harness";
import { ProtocolServer } from "@/gpu-workers/agent/testing/protocol-server";
import { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { requireServingDevices, requireVllm } from "@/gpu-workers/llm/vllm-server/installation";
import { VllmProcess } from "@/gpu-workers/llm/vllm-server/process";
import { buildServeLaunch } from "@/gpu-workers/llm/vllm-server/launch-options";
import { ModelService } from "@/gpu-workers/llm/serving/model-service";
import { serve } from "./serve";
import { waitUntil } from "@/lib/testing/wait-until";

/**
 * vLLM's process handling against a program that stands in for it (testing/vllm-stand-in.mjs): what it is started with,
 * when it counts as ready, what happens when it dies, is restarted and stopped. A real one is run by vllm.long.test.ts.
 */
const config = modelServerSchema.parse({
  kind: "vllm",
  tensorParallelSize: 2,
  gpuMemoryUtilization: 0.5,
  maxModelLen: 4096,
}) as VllmConfig;
const never = new AbortController().signal;
const quick = { reportMs: 30, idleReportMs: 200, portMs: 5_000 };

let folder: string;
let server: ProtocolServer;
const agents = new TestAgents();
const processes: VllmProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "s3-vllm-"));
  vi.stubEnv("S3_VLLM", resolve("gpu-workers/jobs/serve/testing/vllm-stand-in.mjs"));
  vi.stubEnv("VLLM_STAND_IN", folder);
  server = await ProtocolServer.start();
});
afterEach(async () => {
  await agents.stopAll();
  for (const process of processes.splice(0)) await process.stop();
  await server.close();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});
const lines = async (file: string): Promise<string[]> =>
  (await readFile(join(folder, file), "utf8").catch(() => "")).split("\n").filter(Boolean);
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("vLLM", () => {
  it("is asked for by its documented arguments, its key only in the environment", () => {
    expect(buildServeLaunch("Qwen/Qwen2.5-14B", config).args).toEqual([
      "serve",
      "Qwen/Qwen2.5-14B",
      "--served-model-name",
      "Qwen/Qwen2.5-14B",
      "--tensor-parallel-size",
      "2",
      "--gpu-memory-utilization",
      "0.5",
      "--max-model-len",
      "4096",
    ]);
    expect(buildServeLaunch("m", { ...config, maxModelLen: null }).args).not.toContain(
      "--max-model-len",
    );
  });

  it("that is missing, too old or short of GPUs is refused with what to do", async () => {
    const alternative = "take the engine";
    expect(await requireVllm(alternative)).toBe("0.9.1");
    expect(() => requireServingDevices(config, "0.9.1", 2)).not.toThrow();
    expect(() => requireServingDevices(config, "0.9.1", 1)).toThrow(
      /over 2 GPUs.*this worker has 1/,
    );
    // The build for the CPU has the machine, whatever GPUs there are.
    const alone = { ...config, tensorParallelSize: 1 };
    expect(() => requireServingDevices(alone, "0.9.1+cpu", 0)).not.toThrow();
    expect(() => requireServingDevices(alone, "0.9.1", 0)).toThrow(/this worker has 0/);
    vi.stubEnv("VLLM_STAND_IN_VERSION", "0.4.2");
    await expect(requireVllm(alternative)).rejects.toThrow(/0\.4\.2 is too old/);
    vi.stubEnv("S3_VLLM", join(folder, "nothing"));
    await expect(requireVllm(alternative)).rejects.toThrow(
      /not installed on this worker.*S3_VLLM, or take the engine/,
    );
  });

  it("counts as up when it answers, hides its key from the log, and stops politely with all it started", async () => {
    const log: string[] = [];
    const vllm = await VllmProcess.start(buildServeLaunch("m", config), {
      signal: never,
      onLog: (line) => log.push(line),
    });
    processes.push(vllm);
    const { choices } = (await (
      await fetch(`${vllm.url}/v1/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${vllm.secret}` },
        body: '{"prompt": "x"}',
      })
    ).json()) as { choices: unknown[] };
    expect(choices).toHaveLength(1);
    expect(log.join("\n")).toContain("loading with key [key]");
    const { pid, keyed } = JSON.parse((await lines("starts.jsonl"))[0]!) as {
      pid: number;
      keyed: boolean;
    };
    expect(keyed).toBe(true);
    await vllm.stop();
    expect(await lines("stops.jsonl")).toEqual(["stopped"]);
    expect(alive(pid)).toBe(false);
  });

  it("that ends while it starts is an error with its last lines", async () => {
    await writeFile(join(folder, "refuse"), "");
    await expect(
      VllmProcess.start(buildServeLaunch("m", config), { signal: never }),
    ).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringMatching(/ended with code 1[\s\S]*CUDA out of memory/) as unknown,
    });
  });
});

describe("a serve run of a model in vLLM", () => {
  const starters = (): ServiceStarters => ({
    ...NO_SERVICES,
    async startVllm(model, settings, signal, onDetail) {
      requireServingDevices(settings, await requireVllm("take the engine"), 2);
      let died: (reason: string) => void = () => undefined;
      const ended = new Promise<string>((done) => (died = done));
      const vllm = await VllmProcess.start(buildServeLaunch(model, settings), {
        signal,
        onUnexpectedExit: ({ message }) => died(message),
        onLog: onDetail,
      });
      return {
        value: { url: vllm.url, secret: vllm.secret, model },
        address: vllm.url,
        stop: () => vllm.stop(),
        ended,
      };
    },
  });
  const queue = (more: object = {}) =>
    server.queue({
      kind: "serve",
      what: "model",
      name: "a model",
      model: "m",
      server: config,
      ...more,
    });
  type Run = ReturnType<typeof queue>;
  const findAddress = (run: Run): string | undefined =>
    run.items
      .flatMap(({ item }) =>
        item.kind === "progress" && item.progress.phase === "serving" ? [item.progress.detail] : [],
      )
      .at(-1);
  const readMetrics = (run: Run): Map<string, number> =>
    new Map(
      run.items.flatMap(({ item }) =>
        item.kind === "metrics" ? item.points.map(({ name, value }) => [name, value] as const) : [],
      ),
    );

  it("answers at the address that its progress names, reports tokens and latency, and stops when it is cancelled", async () => {
    const run = queue();
    await agents.start(
      server.url,
      { serve: (context) => serve(context, quick) },
      { starters: starters() },
    );
    await waitUntil("it serves", () => findAddress(run) !== undefined, 20_000);
    const address = findAddress(run)!;
    expect(
      (
        await new EndpointClient(address).complete(
          { model: "m", prompt: "hello", max_tokens: 5 },
          never,
        )
      ).text,
    ).toBe("echo hello");
    await waitUntil("metrics are reported", () => readMetrics(run).has("serve/latency_ms_p99"));
    expect(readMetrics(run).has("serve/completion_tokens_per_second")).toBe(true);
    server.push({ type: "cancel", runId: run.runId, attempt: run.attempt });
    await waitUntil("it is cancelled", () => run.state === "cancelled");
    await waitUntil(
      "vLLM has stopped",
      async () => (await lines("stops.jsonl")).length === 1,
      20_000,
    );
  });

  it("whose vLLM dies is given back, and its next attempt starts it anew", async () => {
    const run = queue();
    await agents.start(
      server.url,
      { serve: (context) => serve(context, quick) },
      { starters: starters() },
    );
    await waitUntil("it serves", () => findAddress(run) !== undefined, 20_000);
    const before = findAddress(run);
    await fetch(`${before!}/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "m", prompt: "die" }),
    }).catch(() => undefined);
    await waitUntil("it serves again", () => findAddress(run) !== before, 20_000);
    expect(run.attempt).toBe(2);
    expect(await lines("starts.jsonl")).toHaveLength(2);
    expect(
      (
        await new EndpointClient(findAddress(run)!).complete(
          { model: "m", prompt: "again", max_tokens: 5 },
          never,
        )
      ).text,
    ).toBe("echo again");
  });
});

describe("the service before a model server", () => {
  const services: ModelService[] = [];
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop(100);
  });
  async function startService(options: object = {}): Promise<ModelService> {
    const vllm = await VllmProcess.start(buildServeLaunch("inner", config), { signal: never });
    processes.push(vllm);
    const service = await ModelService.listen({
      host: "127.0.0.1",
      port: 0,
      names: ["outer"],
      apiKey: null,
      concurrency: 4,
      maxWaiting: 4,
      ...options,
    });
    services.push(service);
    service.setBackend({ url: vllm.url, secret: vllm.secret, model: "inner" });
    return service;
  }
  const post = (service: ModelService, body: object, headers: Record<string, string> = {}) =>
    fetch(`${service.url}/v1/completions`, { method: "POST", body: JSON.stringify(body), headers });

  it("wants its key, its model's name, and no web page", async () => {
    const service = await startService({ apiKey: "sk-right" });
    const body = { model: "outer", prompt: "x" };
    expect((await post(service, body)).status).toBe(401);
    expect((await post(service, body, { authorization: "Bearer sk-wrong" })).status).toBe(401);
    const right = { authorization: "Bearer sk-right" };
    expect((await post(service, body, { ...right, origin: "http://evil.example" })).status).toBe(
      401,
    );
    const rebound = httpRequest(`${service.url}/v1/models`, {
      headers: { ...right, host: "rebound.example" },
    }).end();
    const [refused] = (await once(rebound, "response")) as [IncomingMessage];
    expect(refused.resume().statusCode).toBe(401);
    expect((await post(service, { ...body, model: "inner" }, right)).status).toBe(404);
    expect(await (await post(service, body, right)).json()).toMatchObject({
      model: "outer",
      choices: [{ text: "echo x" }],
    });
    expect(service.getMetrics()).toMatchObject({
      promptTokens: 7,
      completionTokens: 3,
      latencyCount: 1,
    });
  });

  it("answers by each of its names, lists them, and refuses any other with the list", async () => {
    const service = await startService({ names: ["outer", "gpt-4o", "Org/alias"] });
    const models: unknown = await (await fetch(`${service.url}/v1/models`)).json();
    expect(models).toMatchObject({
      data: ["outer", "gpt-4o", "Org/alias"].map((id) => ({ id, root: "outer" })),
    });
    for (const model of ["outer", "gpt-4o", "Org/alias"])
      expect(await (await post(service, { model, prompt: "x" })).json()).toMatchObject({
        model,
        choices: [{ text: "echo x" }],
      });
    const refused = await post(service, { model: "gpt-4", prompt: "x" });
    expect([refused.status, await refused.text()]).toEqual([
      404,
      expect.stringContaining("outer, gpt-4o, Org/alias"),
    ]);
  });

  it("passes a stream on under its own name and counts its tokens", async () => {
    const service = await startService();
    const text = await (await post(service, { model: "outer", prompt: "x", stream: true })).text();
    expect(text).toContain('"model":"outer"');
    expect(text).not.toContain("inner");
    expect(text.trimEnd()).toMatch(/data: \[DONE\]$/);
    expect(service.getMetrics()).toMatchObject({ completionTokens: 3 });
  });

  it("answers 503 with the time to come back before its model is up", async () => {
    const service = await ModelService.listen({
      host: "127.0.0.1",
      port: 0,
      names: ["outer"],
      apiKey: null,
      concurrency: 1,
      maxWaiting: 0,
    });
    services.push(service);
    service.setStartDetail("loading");
    const reply = await post(service, { model: "outer", prompt: "x" });
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await reply.text()).toContain("loading");
  });
});

describe("the configuration", () => {
  const issues = (input: object) =>
    runConfigSchema
      .safeParse({ kind: "serve", name: "s", what: "model", ...input })
      .error?.issues.map(({ path }) => path.join("."));
  it("of a retriever reads as it was stored before models could be served", () => {
    expect(runConfigSchema.parse({ kind: "serve", name: "s", corpus: "atlas" })).toMatchObject({
      what: "retriever",
      corpus: "atlas",
    });
  });
  it("of a model names it by its own name and each further one once", () => {
    const parse = (more: object) =>
      runConfigSchema.parse({ kind: "serve", what: "model", name: "n", model: "m", ...more });
    const names = (more: object) => listServedNames(parse(more) as ServeModelConfig);
    expect(names({ aliases: "gpt-4o  Org/alias, m gpt-4o" })).toEqual(["m", "gpt-4o", "Org/alias"]);
    expect(names({})).toEqual(["m"]);
    expect(parse({})).not.toHaveProperty("aliases");
  });

  it("of a retriever gives no more documents by default than a request may ask for", () => {
    const parse = (more: object) =>
      runConfigSchema.safeParse({ kind: "serve", name: "n", corpus: "atlas", ...more });
    expect(parse({ defaultTopk: 12 }).success).toBe(true);
    expect(JSON.stringify(parse({ defaultTopk: null }).data)).not.toContain("defaultTopk");
    expect(parse({ defaultTopk: 12, limits: { topk: 8 } }).error?.issues[0]).toMatchObject({
      path: ["defaultTopk"],
      message: expect.stringContaining("limits.topk") as string,
    });
  });

  it("of a model beyond the loopback wants a key and the address that it was stored for", () => {
    expect(issues({})).toBeUndefined();
    expect(issues({ host: "0.0.0.0" })).toEqual(["key"]);
    expect(issues({ host: "0.0.0.0", key: "box" })).toEqual(["advertise"]);
    expect(issues({ host: "0.0.0.0", key: "box", advertise: "http://box:8000" })).toBeUndefined();
    expect(
      issues({ server: { kind: "vllm" }, checkpoint: "00000000-0000-4000-8000-000000000001" }),
    ).toEqual(["checkpoint"]);
  });
});
