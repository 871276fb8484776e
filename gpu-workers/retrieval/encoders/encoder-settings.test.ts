import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ENCODER_PRESETS } from "./encoder-presets";
import { encoderSettingsSchema, findEncoder, readEncoderSettings } from "./encoder-settings";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "encoder-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Files of a model folder, as sentence-transformers writes them. */
async function writeModelFiles(files: Record<string, unknown>, to = folder): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await writeFile(
      join(to, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }
}
const modules = (...kinds: string[]): unknown =>
  kinds.map((kind, i) => ({
    idx: i,
    name: String(i),
    path: kind === "Transformer" ? "" : `${i}_${kind}`,
    type: `sentence_transformers.models.${kind}`,
  }));

describe("the settings of an encoder", () => {
  it("come from its own configuration", async () => {
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling", "Normalize"),
      "1_Pooling/config.json": {
        word_embedding_dimension: 4,
        pooling_mode_cls_token: true,
        pooling_mode_mean_tokens: false,
      },
      "sentence_bert_config.json": { max_seq_length: 384, do_lower_case: false },
      "config_sentence_transformers.json": {
        prompts: { query: "ask: ", document: "read: " },
        similarity_fn_name: "dot",
      },
      "tokenizer_config.json": { model_max_length: 512 },
    });
    expect(await readEncoderSettings("mine", folder)).toEqual({
      pooling: "cls",
      normalise: true,
      maxTokens: 384,
      queryPrefix: "ask: ",
      passagePrefix: "read: ",
    });
  });

  it("scale vectors where the similarity is the cosine, which it is where nothing says so, as in sentence-transformers", async () => {
    const own = {
      "modules.json": modules("Transformer", "Pooling"),
      "1_Pooling/config.json": { pooling_mode_lasttoken: true },
      "tokenizer_config.json": { model_max_length: 1e30 },
      "sentence_bert_config.json": { max_seq_length: 99 },
    };
    await writeModelFiles(own);
    expect(await readEncoderSettings("mine", folder)).toMatchObject({
      pooling: "last",
      normalise: true,
      maxTokens: 99,
    });
    for (const [similarity, normalise] of [
      ["cosine", true],
      [null, true],
      ["dot", false],
    ] as const) {
      await writeModelFiles({
        "config_sentence_transformers.json": { similarity_fn_name: similarity },
      });
      expect(await readEncoderSettings("mine", folder)).toMatchObject({ normalise });
    }
    await writeModelFiles({
      "config_sentence_transformers.json": { similarity_fn_name: "manhattan" },
    });
    await expect(readEncoderSettings("mine", folder)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("compares by manhattan") as string,
    });
  });

  it("leave vectors as they are where the model's card, known by its name, says so", async () => {
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "1_Pooling/config.json": { pooling_mode_cls_token: true },
    });
    expect(await readEncoderSettings("medcpt", folder)).toMatchObject({ normalise: false });
    expect(await readEncoderSettings("e5-base-v2", folder)).toMatchObject({ normalise: true });
  });

  it.each([
    [{ pooling_mode: "lasttoken" }, "last"],
    [{ pooling_mode: ["cls"] }, "cls"],
    [{ pooling_mode_mean_tokens: true, pooling_mode_max_tokens: false }, "mean"],
    [{ embedding_dimension: 4 }, "mean"],
  ])("read %j as pooling", async (config, pooling) => {
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "1_Pooling/config.json": config,
      "tokenizer_config.json": { model_max_length: 64 },
    });
    expect(await readEncoderSettings("mine", folder)).toMatchObject({ pooling });
  });

  it.each([
    [{ pooling_mode_max_tokens: true }, "pools by max, which"],
    [{ pooling_mode_mean_sqrt_len_tokens: true }, "pools by mean_sqrt_len, which"],
    [
      { pooling_mode_cls_token: true, pooling_mode_mean_tokens: true },
      "pools by cls and mean, put side by side",
    ],
    [{ pooling_mode: ["mean", "max"] }, "pools by mean and max, put side by side"],
  ])("refuse %j as pooling, by name", async (config, message) => {
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "1_Pooling/config.json": config,
      "tokenizer_config.json": { model_max_length: 64 },
    });
    await expect(readEncoderSettings("mine", folder)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining(message) as string,
    });
  });

  it("are completed by what is known of the name; the folder wins", async () => {
    expect(await readEncoderSettings("e5-base-v2", folder)).toEqual({
      pooling: "mean",
      normalise: true,
      maxTokens: 512,
      queryPrefix: "query: ",
      passagePrefix: "passage: ",
    });
    await writeModelFiles({ "encoder.json": { maxTokens: 256 } });
    expect(await readEncoderSettings("e5-base-v2", folder)).toMatchObject({
      maxTokens: 256,
      queryPrefix: "query: ",
    });
    for (const [name, { facts }] of Object.entries(ENCODER_PRESETS))
      expect(encoderSettingsSchema.safeParse(facts).success, name).toBe(true);
  });

  it.each([
    [
      { include_prompt: false, pooling_mode: "mean" },
      { includePrompt: false, pooling: "mean" },
    ],
    [{ include_prompt: true, pooling_mode: "mean" }, { pooling: "mean" }],
  ])("say of %j whether the mean has the prompt", async (config, expected) => {
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "1_Pooling/config.json": config,
      "sentence_roberta_config.json": { max_seq_length: 77, do_lower_case: true },
    });
    expect(await readEncoderSettings("mine", folder)).toEqual({
      ...expected,
      normalise: true,
      maxTokens: 77,
      queryPrefix: "",
      passagePrefix: "",
      lowerCase: true,
    });
  });

  it.each([
    [{ prompts: { query: "q: ", document: "d: ", passage: "p: " } }, "q: ", "d: "],
    [{ prompts: { corpus: "c: " } }, "", "c: "],
    [{ prompts: { any: "a: ", query: "q: " }, default_prompt_name: "any" }, "q: ", "a: "],
    [{ prompts: { any: "a: ", query: "", document: "" }, default_prompt_name: "any" }, "", ""],
    [{ prompts: null, default_prompt_name: null }, "", ""],
  ])("read the prompts %j as sentence-transformers does", async (config, query, passage) => {
    await writeModelFiles({
      "encoder.json": { pooling: "mean", normalise: true, maxTokens: 64 },
      "config_sentence_transformers.json": config,
    });
    expect(await readEncoderSettings("mine", folder)).toMatchObject({
      queryPrefix: query,
      passagePrefix: passage,
    });
  });

  it.each([
    [["Transformer", "Pooling", "Pooling"], {}, "chains Transformer Pooling Pooling"],
    [["Transformer", "Normalize", "Pooling"], {}, "chains Transformer Normalize Pooling"],
    [["Transformer", "Pooling", "LayerNorm"], {}, "has a LayerNorm layer"],
    [["Transformer"], { model_type: "SparseEncoder" }, "is a SparseEncoder"],
    [["Transformer", "Pooling"], { truncate_dim: 64 }, "cuts its vectors to 64"],
  ])("refuse the layers %j with %j", async (kinds, config, message) => {
    await writeModelFiles({
      "modules.json": modules(...kinds),
      "config_sentence_transformers.json": config,
    });
    await expect(readEncoderSettings("mine", folder)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining(message) as string,
    });
  });

  it("refuse code of an author's own, and a default prompt that is not there", async () => {
    await writeModelFiles({ "modules.json": [{ type: "custom_st.Transformer", path: "" }] });
    await expect(readEncoderSettings("mine", folder)).rejects.toThrow("custom_st.Transformer");
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "config_sentence_transformers.json": { default_prompt_name: "s2p" },
    });
    await expect(readEncoderSettings("mine", folder)).rejects.toThrow("the default prompt s2p");
  });

  it("never promise more tokens than the network has positions", async () => {
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "1_Pooling/config.json": { pooling_mode_mean_tokens: true },
      "tokenizer_config.json": { model_max_length: 2048 },
      "config.json": { max_position_embeddings: 512 },
    });
    expect(await readEncoderSettings("mine", folder)).toMatchObject({ maxTokens: 512 });
  });

  it("say what cannot be used, and how to mend it", async () => {
    await expect(readEncoderSettings("mine", folder)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("encoder.json") as string,
    });
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling"),
      "tokenizer_config.json": { model_max_length: 64 },
    });
    await expect(readEncoderSettings("mine", folder)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("1_Pooling/config.json") as string,
    });
    await writeModelFiles({
      "modules.json": modules("Transformer", "Pooling", "Dense"),
      "1_Pooling/config.json": { pooling_mode_mean_tokens: true },
    });
    await expect(readEncoderSettings("mine", folder)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("Dense layer") as string,
    });
    await writeModelFiles({ "modules.json": "{" });
    await expect(readEncoderSettings("mine", folder)).rejects.toThrow("modules.json is not JSON");
    await rm(join(folder, "modules.json"));
    await writeModelFiles({ "encoder.json": { pooling: "median", maxTokens: 4 } });
    await expect(readEncoderSettings("mine", folder)).rejects.toThrow("pooling:");
  });
});

describe("an encoder on disk", () => {
  const network = {
    "tokenizer.json": "{}",
    "tokenizer_config.json": "{}",
    "encoder.json": { pooling: "cls", normalise: false, maxTokens: 64 },
  };

  it("may have two towers", async () => {
    await writeModelFiles({ ...network, "model.onnx": "query weights" }, join(folder, "query"));
    await writeModelFiles({ ...network, "model.onnx": "passage weights" }, join(folder, "passage"));
    const found = await findEncoder("two", "fp32", folder);
    expect(found.query.modelPath).toBe(join(folder, "query", "model.onnx"));
    expect(found.passage.modelPath).toBe(join(folder, "passage", "model.onnx"));
  });

  it("is another one when weights, tokenizer or settings change", async () => {
    await writeModelFiles({ ...network, "onnx/model.onnx": "weights" });
    const fingerprint = async (): Promise<string> =>
      (await findEncoder("mine", "fp32", folder)).fingerprint;
    const seen = new Set([await fingerprint()]);
    await writeModelFiles({ "onnx/model.onnx_data": "large" });
    seen.add(await fingerprint());
    await writeModelFiles({ "tokenizer.json": "{ }" });
    seen.add(await fingerprint());
    await writeModelFiles({ "encoder.json": { pooling: "mean", normalise: false, maxTokens: 64 } });
    seen.add(await fingerprint());
    expect(seen.size).toBe(4);
    await expect(findEncoder("mine", "int8", folder)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("int8 weights") as string,
    });
  });

  it("encodes texts alone where its int8 weights are a hub's, whose batches share a range", async () => {
    await writeModelFiles({
      ...network,
      "model.onnx": "weights",
      "onnx/model_quantized.onnx": "of a hub",
    });
    const alone = async (variant: string): Promise<boolean> =>
      (await findEncoder("mine", variant, folder)).passage.encodeAlone;
    expect([await alone("fp32"), await alone("int8")]).toEqual([false, true]);
    await writeModelFiles({ "model-int8.onnx": "of scripts/setup" });
    expect(await alone("int8")).toBe(false);
  });

  it("tells how to bring one that is missing", async () => {
    await expect(findEncoder("e5-base-v2", "fp32")).rejects.toThrow(
      "npm run s3 -- encoder fetch e5-base-v2",
    );
    await expect(findEncoder("medcpt", "fp32")).rejects.toThrow(
      "two towers as the folders `query` and `passage`",
    );
  });
});
