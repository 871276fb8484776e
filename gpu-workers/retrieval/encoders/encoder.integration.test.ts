import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modelDir } from "@/lib/paths.mjs";
import { Encoder } from "./encoder";
import type { EncoderOperations } from "./encoder-thread";
import type { ThreadClient } from "@/gpu-workers/runtime/thread";
import { TextTokenizer } from "@/gpu-workers/runtime/text-tokenizer";

/** By Python's tokenizers and torch; see fixtures/make_fixtures.py. */
type Case = { text: string; ids: number[]; vector?: number[] };
const cases = JSON.parse(
  await readFile(new URL("./fixtures/minilm.json", import.meta.url), "utf8"),
) as Case[];

function dot(a: Float32Array | readonly number[], b: Float32Array | readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

describe("the tokenizer", () => {
  it("gives the ids of Python's tokenizers on hard text", async () => {
    const tokenizer = await TextTokenizer.load(
      join(modelDir("minilm"), "tokenizer.json"),
      join(modelDir("minilm"), "tokenizer_config.json"),
      256,
    );
    for (const { text, ids } of cases)
      expect(tokenizer.encode(text), JSON.stringify(text.slice(0, 60))).toEqual(ids);
    expect(tokenizer.encode("word ".repeat(50_000))).toHaveLength(256);
  });
});

describe("the encoder", () => {
  let fp32: Encoder;
  let int8: Encoder;
  beforeAll(async () => {
    [fp32, int8] = await Promise.all([
      Encoder.load("minilm", "fp32"),
      Encoder.load("minilm", "int8"),
    ]);
  });
  afterAll(() => Promise.all([fp32.close(), int8.close()]));

  const withVector = cases.filter((item) => item.vector !== undefined);

  it("gives torch's vectors with fp32 weights", async () => {
    const vectors = await fp32.encode(
      withVector.map((item) => item.text),
      "passage",
    );
    expect(vectors).toHaveLength(withVector.length * 384);
    withVector.forEach(({ vector = [] }, i) => {
      vector.forEach((value, d) =>
        expect(Math.abs((vectors[i * 384 + d] ?? NaN) - value)).toBeLessThan(2e-6),
      );
    });
  });

  it("stays close to them with int8 weights", async () => {
    const vectors = await int8.encode(
      withVector.map((item) => item.text),
      "passage",
    );
    withVector.forEach(({ vector = [] }, i) => {
      expect(dot(vectors.subarray(i * 384, (i + 1) * 384), vector)).toBeGreaterThan(0.99);
    });
  });

  it.each(["fp32", "int8"] as const)(
    "gives a text the same vector alone and among others (%s)",
    async (variant) => {
      const encoder = variant === "fp32" ? fp32 : int8;
      const texts = Array.from(
        { length: 70 },
        (_, i) => `text ${i} ${"of some length ".repeat((i * 37) % 23)}`,
      );
      const together = await encoder.encode(texts, "query");
      for (const i of [0, 1, 22, 41, 69]) {
        const alone = await encoder.encode([texts[i] ?? ""], "query");
        const cosine = dot(alone, together.subarray(i * 384, (i + 1) * 384));
        expect(cosine).toBeGreaterThan(1 - 1e-6);
      }
    },
  );

  it("reports progress, and stops when cancelled", async () => {
    const seen: number[] = [];
    await fp32.encode(Array<string>(100).fill("text"), "passage", {
      onProgress: (done, total) => seen.push(done, total),
    });
    expect(seen.at(-2)).toBe(100);
    expect(seen.at(-1)).toBe(100);
    const stop = new AbortController();
    const encoding = fp32.encode(Array<string>(2000).fill("some text to encode"), "passage", {
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(encoding).rejects.toMatchObject({ code: "cancelled" });
    expect(await fp32.encode(["alive"], "query")).toHaveLength(384);
  });

  it("is told apart by its weights, and says what is not installed", async () => {
    expect(fp32.fingerprint).not.toBe(int8.fingerprint);
    await expect(Encoder.load("no-such-model", "fp32")).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("is not installed") as string,
    });
    await expect(Encoder.load("minilm", "int4")).rejects.toThrow(
      "has no variant int4; there are fp32, int8",
    );
  });

  it("replaces a thread that died, and gives the same vectors", async () => {
    const encoder = await Encoder.load("minilm", "int8", { threads: 1 });
    const before = await encoder.encode(["Kabul"], "query");
    const [thread] = (
      encoder as unknown as {
        threads: { current: Promise<{ thread: ThreadClient<EncoderOperations> }> }[];
      }
    ).threads;
    await (await thread!.current).thread.kill(); // as a crash of its addon would
    expect(await encoder.encode(["Kabul"], "query")).toEqual(before);
    await encoder.close();
  });

  it("fails what is under way when it is closed", async () => {
    const encoder = await Encoder.load("minilm", "int8", { threads: 1 });
    const encoding = encoder.encode(Array<string>(500).fill("some text to encode"), "passage");
    const failure = expect(encoding).rejects.toMatchObject({ code: "retriever-unavailable" });
    await encoder.close();
    await failure;
    await expect(encoder.encode(["late"], "query")).rejects.toMatchObject({
      code: "retriever-unavailable",
    });
  });
});
