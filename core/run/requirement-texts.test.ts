import { expect, it } from "vitest";
import { createTranslate } from "@/core/texts/format-text";
import { CHINESE, CHINESE_TRANSLATION } from "@/core/texts/chinese";
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

it("says what a Tinker service cannot do in the language of the page", () => {
  const t = createTranslate("zh", CHINESE, CHINESE_TRANSLATION.readMessage);
  const requirement = buildRequirement("no-own-engine", false, {
    workers: "rented",
    limits:
      "rl.algorithm: a service has no critic, choose grpo; searcher.adapter.alpha: a service has 32, give that",
  });
  expect(describeRequirement(t, requirement).detail).toBe(
    "rented 在 Tinker 服务上训练，该服务不支持：rl.algorithm：服务没有 critic，请选择 grpo；searcher.adapter.alpha：服务的值固定为 32，请设为该值。请更改这些设置，或接入一个不带 --tinker-url 的工作节点",
  );
});
