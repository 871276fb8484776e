import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getModelDir } from "@/lib/paths.mjs";
import { Encoder } from "./encoder";
import type { EncoderOperations } from "./encoder-thread";
import type { ThreadClient } from "@/gpu-workers/runtime/thread";
import { TextTokenizer } from "@/gpu-workers/runtime/text-tokenizer";

/** By Python's tokenizers and torch; see fixtures/make_fixtures.py. */
type Case = { text: string; ids: number[]; vector?: number[] };
const cases = JSON.parse(
  await readFile(new URL("./fixtures/minilm.json", import.meta.url), "utf8"),
) as Case[];

function computeDot(
  a: Float32Array | readonly number[],
  b: Float32Array | readonly number[],
): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

describe("the tokenizer", () => {
  it("gives the ids of Python's tokenizers on hard text", async () => {
    const tokenizer = await TextTokenizer.load(
      join(getModelDir("minilm"), "tokenizer.json"),
      join(getModelDir("minilm"), "tokenizer_config.json"),
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
      expect(computeDot(vectors.subarray(i * 384, (i + 1) * 384), vector)).toBeGreaterThan(0.99);
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
        const cosine = computeDot(alone, together.subarray(i * 384, (i + 1) * 384));
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

  it("leaves the prompt out of the mean where the model says so (case 74), and lower-cases where it does", async () => {
    const folder = await mkdtemp(join(tmpdir(), "encoder-prompt-"));
    for (const name of ["tokenizer.json", "tokenizer_config.json", "config.json", "model.onnx"])
      await symlink(join(getModelDir("minilm"), name), join(folder, name));
    const prompt = "Represent the question for retrieval: ";
    const files = {
      "modules.json": ["Transformer", "Pooling", "Normalize"].map((kind, i) => ({
        type: `sentence_transformers.models.${kind}`,
        path: i === 0 ? "" : `${i}_${kind}`,
      })),
      "1_Pooling/config.json": { pooling_mode_mean_tokens: true, include_prompt: false },
      "sentence_bert_config.json": { max_seq_length: 256, do_lower_case: true },
      "config_sentence_transformers.json": { prompts: { query: prompt } },
    };
    await mkdir(join(folder, "1_Pooling"));
    for (const [name, value] of Object.entries(files))
      await writeFile(join(folder, name), JSON.stringify(value));
    const encoder = await Encoder.load("enc-prompt", "fp32", { directory: folder, threads: 1 });
    const texts = ["Which RIVER crosses Egypt?", "whales", ""];
    const vectors = await encoder.encode(texts, "query");
    for (const [i, text] of texts.entries()) {
      const expected = await poolAfterPrompt(prompt, text.toLowerCase());
      expect(computeDot(vectors.subarray(i * 384, (i + 1) * 384), expected)).toBeGreaterThan(
        1 - 1e-5,
      );
    }
    // Passages have no prompt: theirs is the mean over all tokens.
    expect(
      computeDot(
        await encoder.encode(["whales"], "passage"),
        await fp32.encode(["whales"], "passage"),
      ),
    ).toBeGreaterThan(1 - 1e-5);
    const nothing = await encoder.encode([prompt.repeat(100)], "query");
    expect(nothing.every(Number.isFinite)).toBe(true);
    await encoder.close();
    await rm(folder, { recursive: true, force: true });
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

/** The mean over the tokens after the prompt, by the network alone, scaled to length 1. */
async function poolAfterPrompt(prompt: string, text: string): Promise<number[]> {
  const directory = getModelDir("minilm");
  const tokenizer = await TextTokenizer.load(
    join(directory, "tokenizer.json"),
    join(directory, "tokenizer_config.json"),
    256,
  );
  const ids = tokenizer.encode(prompt + text);
  const skipped = tokenizer.encode(prompt).length - 1; // its closing [SEP]
  const session = await InferenceSession.create(join(directory, "model.onnx"));
  const tensor = (values: readonly number[]) =>
    new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  const { last_hidden_state: hidden } = await session.run({
    input_ids: tensor(ids),
    attention_mask: tensor(ids.map(() => 1)),
    token_type_ids: tensor(ids.map(() => 0)),
  });
  const data = hidden!.data as Float32Array;
  const sums = Array.from({ length: 384 }, (_, d) => {
    let sum = 0;
    for (let t = skipped; t < ids.length; t++) sum += data[t * 384 + d]!;
    return sum;
  });
  const length = Math.hypot(...sums);
  return sums.map((value) => value / length);
}
