import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findModelFolder, readAdaptedLayers } from "./model-folder";

describe("the folder of a model", () => {
  let root: string;
  const write = async (path: string, content = "{}") => {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), content);
  };
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "models-"));
    for (const step of [5, 20, 10])
      for (const file of ["config.json", "model.safetensors", "tokenizer.json"])
        await write(`verl/s3-8-3-3/actor/global_step_${step}/${file}`);
    await write(
      "adapter/adapter_config.json",
      JSON.stringify({ peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: ["q_proj"] }),
    );
    await write("pickled/config.json");
    await write("pickled/pytorch_model.bin");
    await write("mute/config.json");
    await write("mute/model.safetensors");
    await write("other/readme.md");
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it.each(["verl/s3-8-3-3", "verl/s3-8-3-3/actor", "verl/s3-8-3-3/actor/global_step_20"])(
    "is upstream's last step, given %s",
    async (folder) => {
      expect(await findModelFolder(join(root, folder))).toEqual({
        kind: "hf",
        path: join(root, "verl/s3-8-3-3/actor/global_step_20"),
      });
    },
  );

  it("is an adapter where PEFT wrote one", async () => {
    expect(await findModelFolder(join(root, "adapter"))).toMatchObject({
      kind: "peft",
      adapter: { r: 4, lora_alpha: 8 },
    });
  });

  it("tells which layers and projections an adapter changes", async () => {
    const header = (names: string[]): string =>
      JSON.stringify(
        Object.fromEntries([
          ["__metadata__", {}],
          ...names.map((name) => [name, { dtype: "F32", shape: [1], data_offsets: [0, 4] }]),
        ]),
      );
    const tensors = async (folder: string, names: string[]): Promise<void> => {
      const text = Buffer.from(header(names));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(text.length));
      await mkdir(join(root, folder), { recursive: true });
      await writeFile(
        join(root, folder, "adapter_model.safetensors"),
        Buffer.concat([length, text]),
      );
    };
    const name = (layer: number, part: string): string =>
      `base_model.model.model.layers.${layer}.${part}.lora_A.weight`;
    await tensors("two", [
      name(11, "self_attn.v_proj"),
      name(4, "self_attn.q_proj"),
      name(11, "self_attn.q_proj"),
    ]);
    expect(await readAdaptedLayers(join(root, "two"))).toEqual({
      firstLayer: 4,
      targets: ["q_proj", "v_proj"],
    });
    await tensors("strange", [name(1, "mixer.in_proj")]);
    await expect(readAdaptedLayers(join(root, "strange"))).rejects.toThrow(
      /changes no layer that is known here/,
    );
    await expect(readAdaptedLayers(join(root, "adapter"))).rejects.toThrow(
      /no adapter_model\.safetensors/,
    );
  });

  it.each([
    ["pickled", /safetensors/],
    ["mute", /tokenizer\.json/],
    ["other", /neither config\.json/],
    ["nowhere", /no folder/],
  ])("%s is refused with what it lacks", async (folder, reason) => {
    await expect(findModelFolder(join(root, folder))).rejects.toThrow(reason);
  });
});
