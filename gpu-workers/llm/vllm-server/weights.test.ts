import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { VllmClient } from "./client";
import { buildSequence, EOS, ScriptedSampler, writeWeights } from "./testing/scripted-sampler";

const signal = new AbortController().signal;

let opened: ScriptedSampler | undefined;
afterEach(() => opened?.close());
const openSampler = async (
  ...args: Parameters<typeof ScriptedSampler.open>
): Promise<ScriptedSampler> => (opened = await ScriptedSampler.open(...args));

describe("the weights that a server holds", () => {
  const sample = async (vllm: ScriptedSampler["vllm"], hash: string) =>
    (await vllm.useWeights(hash, signal)).sample({
      adapter: true,
      sequences: [buildSequence([1])],
    });

  it.each(["adapter", "full"] as const)("are wrong: %s", async (kind) => {
    // The engine computes with others than it has written.
    const state = { hash: "first", computes: "far" };
    const { vllm } = await openSampler(() => [{ token_ids: [EOS] }], { kind, state });
    await expect(vllm.useWeights("first", signal)).rejects.toMatchObject({
      code: "sampler-unavailable",
      message: expect.stringContaining("differ from the engine's by 0.50 a token") as string,
    });
    expect([...opened!.servers[0]!.adapters.keys(), ...(await readdir(opened!.directory))]).toEqual(
      [],
    );
  });

  it("are those before, though the update is within the tolerance", async () => {
    const { vllm, server, state } = await openSampler(() => [{ token_ids: [EOS] }], {
      kind: "full",
    });
    await sample(vllm, "first");
    state.hash = "moved";
    server.ignoresReload = true;
    await expect(vllm.useWeights("moved", signal)).rejects.toThrow("still computes with");
    server.ignoresReload = false;
    await sample(vllm, "moved");
  });

  it("are replaced whole, once nothing samples from those before, and cannot be sampled from again", async () => {
    const { vllm, server, state } = await openSampler(() => [{ token_ids: [EOS] }], {
      kind: "full",
    });
    const old = await vllm.useWeights("first", signal);
    const paths = () => server.requests.map(({ path }) => path);
    expect(paths()).toEqual([
      "/pause?mode=wait",
      "/collective_rpc",
      "/reset_prefix_cache",
      "/resume",
      "/v1/completions",
    ]);
    const body = { adapter: true, sequences: [buildSequence([1])] };
    const early = old.sample(body);
    state.hash = "second";
    await vllm.useWeights("second", signal);
    expect((await early).sequences).toHaveLength(1);
    // The sample that was under way came first.
    expect(paths().slice(5, 7)).toEqual(["/v1/completions", "/pause?mode=wait"]);
    expect(server.isPaused).toBe(false);
    expect(await readdir(opened!.directory)).toEqual([]);
    await expect(old.sample(body)).rejects.toThrow("no longer holds the weights");
    const present = await vllm.useWeights("second", signal);
    await present.sample(body);
    expect(server.requests.at(-1)?.body).toMatchObject({ model: "base" });
    await expect(present.sample({ ...body, adapter: false })).rejects.toMatchObject({
      code: "unsupported",
    });
  });

  it("cannot be loaded: the reason is told, and nothing is sampled from what is left", async () => {
    const { vllm, state } = await openSampler(() => [{ token_ids: [EOS] }], { kind: "full" });
    const old = await vllm.useWeights("first", signal);
    state.hash = "second";
    const { value: reload } = Object.getOwnPropertyDescriptor(
      VllmClient.prototype,
      "reloadWeights",
    ) as { value: VllmClient["reloadWeights"] };
    VllmClient.prototype.reloadWeights = function (path, ...rest) {
      return reload.call(this, `${path}-gone`, ...rest);
    };
    try {
      await expect(vllm.useWeights("second", signal)).rejects.toMatchObject({
        code: "sampler-unavailable",
        message: expect.stringContaining("no such folder") as string,
      });
    } finally {
      VllmClient.prototype.reloadWeights = reload;
    }
    await expect(old.sample({ adapter: true, sequences: [buildSequence([1])] })).rejects.toThrow(
      "no longer holds the weights",
    );
  });

  it("are loaded by every process that the model is spread over", async () => {
    const { server } = await openSampler(() => [], { kind: "full" });
    const folder = join(opened!.directory, "weights");
    await writeWeights(folder, "first");
    const url = `http://127.0.0.1:${server.port}`;
    const client = new VllmClient({ url, secret: "s" }, { firstPauseMs: 5 });
    await client.reloadWeights(folder, 1, signal);
    await expect(client.reloadWeights(folder, 2, signal)).rejects.toThrow("2 processes were to");
  });
});

describe("several servers", () => {
  it.each(["adapter", "full"] as const)(
    "all have each update before one samples with it: %s",
    async (kind) => {
      const { vllm, state } = await openSampler(() => [{ token_ids: [EOS] }], {
        kind,
        replicas: 3,
      });
      for (const hash of ["first", "second"]) {
        state.hash = hash;
        const sampler = await vllm.useWeights(hash, signal);
        const sequences = Array.from({ length: 30 }, (_, i) => buildSequence([i]));
        await sampler.sample({ adapter: true, sequences });
      }
      for (const { requests, adapters } of opened!.servers) {
        const kinds = requests.map(({ path, body }) =>
          path !== "/v1/completions" ? "load" : "prompt_logprobs" in body ? "check" : "sample",
        );
        // The update ends with the check, and samples follow; so for both versions.
        expect(kinds.join(" ")).toMatch(
          /^(load )+check( load)?( sample)+( load)+ check( load)?( sample)+$/,
        );
        if (kind === "adapter") expect([...adapters.keys()]).toEqual(["searcher-2"]);
      }
    },
  );

  it("of which one cannot load the adapter all give it back", async () => {
    const { vllm } = await openSampler(() => [{ token_ids: [EOS] }], { replicas: 2 });
    opened!.servers[1]!.refuseLoad = "out of memory";
    await expect(vllm.useWeights("first", signal)).rejects.toThrow("out of memory");
    expect(opened!.servers.map(({ adapters }) => adapters.size)).toEqual([0, 0]);
  });

  it("of which one holds other weights are named", async () => {
    const { vllm, state } = await openSampler(() => [], { kind: "full", replicas: 2 });
    await vllm.useWeights("first", signal);
    opened!.servers[1]!.ignoresReload = true;
    state.hash = "second";
    await expect(vllm.useWeights("second", signal)).rejects.toThrow("replica 2 of 2");
  });
});
