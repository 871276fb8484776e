import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modelFolder } from "./checkpoint";

describe("the folder of a model", () => {
  let root: string;
  const write = async (path: string, content = "{}") => {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), content);
  };
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "models-"));
    for (const step of [5, 20, 10]) for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) await write(`verl/s3-8-3-3/actor/global_step_${step}/${file}`);
    await write("adapter/adapter_config.json", JSON.stringify({ peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: ["q_proj"] }));
    await write("pickled/config.json");
    await write("pickled/pytorch_model.bin");
    await write("mute/config.json");
    await write("mute/model.safetensors");
    await write("other/readme.md");
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it.each(["verl/s3-8-3-3", "verl/s3-8-3-3/actor", "verl/s3-8-3-3/actor/global_step_20"])("is upstream's last step, given %s", async (folder) => {
    expect(await modelFolder(join(root, folder))).toEqual({ kind: "hf", path: join(root, "verl/s3-8-3-3/actor/global_step_20") });
  });

  it("is an adapter where PEFT wrote one", async () => {
    expect(await modelFolder(join(root, "adapter"))).toMatchObject({ kind: "peft", adapter: { r: 4, lora_alpha: 8 } });
  });

  it.each([
    ["pickled", /safetensors/],
    ["mute", /tokenizer\.json/],
    ["other", /neither config\.json/],
    ["nowhere", /no folder/],
  ])("%s is refused with what it lacks", async (folder, reason) => {
    await expect(modelFolder(join(root, folder))).rejects.toThrow(reason);
  });
});
