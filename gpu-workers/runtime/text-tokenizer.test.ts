import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PairTokenizer } from "@/gpu-workers/retrieval/encoders/pair-tokenizer";
import { findReranker } from "@/gpu-workers/retrieval/encoders/reranker-settings";
import { TextTokenizer } from "./text-tokenizer";

/** A tokenizer of whole words, with BERT's special tokens. */
const definition = {
  normalizer: null,
  pre_tokenizer: { type: "BertPreTokenizer" },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, a: 4, b: 5 },
  },
  post_processor: { type: "BertProcessing", sep: ["[SEP]", 2], cls: ["[CLS]", 1] },
  decoder: null,
  added_tokens: [],
};

let folder: string;
let tokenizerPath: string;
let configPath: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
  [tokenizerPath, configPath] = [
    join(folder, "tokenizer.json"),
    join(folder, "tokenizer_config.json"),
  ];
  await writeFile(tokenizerPath, JSON.stringify(definition));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a tokenizer", () => {
  const both = () =>
    Promise.all([
      TextTokenizer.load(tokenizerPath, configPath, 4),
      PairTokenizer.load(tokenizerPath, configPath, 9),
    ]);

  it("gives the same ids without its tokenizer_config.json", async () => {
    const ids = async (): Promise<unknown[]> => {
      const [text, pair] = await both();
      return [
        text.encode("a b"),
        text.encode("a b a b"),
        pair.joinPair(pair.encodeText("a"), pair.encodeText("b")),
      ];
    };
    const without = await ids();
    expect(without).toEqual([
      [1, 4, 5, 2],
      [1, 4, 5, 2],
      { ids: [1, 4, 2, 5, 2], types: [0, 0, 0, 1, 1] },
    ]);
    await writeFile(configPath, JSON.stringify({ pad_token: "[PAD]" }));
    expect(await ids()).toEqual(without);
  });

  it("pads by its configuration, else by tokenizer.json, else by 0", async () => {
    const padIds = async (): Promise<number[]> => (await both()).map(({ padId }) => padId);
    expect(await padIds()).toEqual([0, 0]);
    await writeFile(tokenizerPath, JSON.stringify({ ...definition, padding: { pad_id: 2 } }));
    expect(await padIds()).toEqual([2, 2]);
    for (const token of ["[PAD]", { content: "[PAD]" }]) {
      await writeFile(configPath, JSON.stringify({ pad_token: token }));
      expect(await padIds()).toEqual([3, 3]);
    }
  });

  it("says which file is missing or damaged", async () => {
    await writeFile(configPath, "{");
    await expect(both()).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("tokenizer_config.json is not JSON") as string,
    });
    await rm(tokenizerPath);
    await expect(both()).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("tokenizer.json is missing") as string,
    });
  });
});

it("a reranker is found without a tokenizer_config.json; with one, its length counts", async () => {
  await writeFile(join(folder, "model.onnx"), "weights");
  await writeFile(join(folder, "config.json"), JSON.stringify({ max_position_embeddings: 128 }));
  expect((await findReranker("mine", folder)).settings.maxTokens).toBe(128);
  await writeFile(configPath, JSON.stringify({ model_max_length: 64 }));
  expect((await findReranker("mine", folder)).settings.maxTokens).toBe(64);
  await rm(tokenizerPath);
  await expect(findReranker("mine", folder)).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringContaining(tokenizerPath) as string,
  });
});
