import { expect, it } from "vitest";
import { createTranslate } from "@/core/texts/format-text";
import { CHINESE } from "@/core/texts/zh/catalogue";
import { buildRequirement } from "./build-requirement";
import { describeRequirement } from "./requirement-texts";

const chinese = createTranslate("zh", CHINESE);

it("is said in English for programs, and in the language of the page", () => {
  const missing = buildRequirement("no-model", false, { model: "qwen" });
  expect(missing).toEqual({
    ok: false,
    code: "no-model",
    values: { model: "qwen" },
    name: "model qwen",
    detail: "no attached worker has the model qwen",
  });
  expect(describeRequirement(chinese, missing)).toEqual({
    name: "模型 qwen",
    detail: "没有已接入的工作节点具备模型 qwen",
  });
});

it("keeps commands, names and sizes as they are", () => {
  const requirement = buildRequirement("model-to-fetch", false, {
    model: "qwen",
    command: "npm run s3 -- model fetch Org/Qwen",
    gibibytes: 14.2,
    licence: "apache-2.0",
  });
  for (const { detail } of [requirement, describeRequirement(chinese, requirement)])
    for (const kept of ["`npm run s3 -- model fetch Org/Qwen`", "14.2 GiB", "apache-2.0"])
      expect(detail).toContain(kept);
});
