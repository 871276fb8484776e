import { describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { listRunParts, type Offered } from "./run-parts";
import { findPreset, PRESETS } from "./run-presets";

const NOTHING: Offered = { models: new Set(), corpora: new Set(), questions: new Set() };
const listPresetParts = (id: string, offered = NOTHING) =>
  listRunParts(runConfigSchema.parse(findPreset(id)?.config), offered);

describe("the parts of a preset", () => {
  it.each(PRESETS.filter(({ id }) => id.startsWith("paper-")).map(({ id }) => id))(
    "%s are each named with size, licence and the command that fetches them",
    (id) => {
      const parts = listPresetParts(id);
      expect(new Set(parts.map(({ kind }) => kind))).toEqual(
        new Set(["questions", "model", "corpus", "encoder", "retriever", "generator"]),
      );
      for (const part of parts) {
        expect(part.command, part.name).toMatch(/^npm run s3 -- /);
        if (part.kind === "retriever") continue; // It downloads nothing.
        expect(part.downloadGiB, part.name).toBeGreaterThan(0);
        expect(part.licence, part.name).not.toBeNull();
      }
    },
  );

  it("say what is here, and what only an address can tell", () => {
    const offered = {
      ...NOTHING,
      models: new Set(["qwen2.5-3b-instruct"]),
      questions: new Set(["s3-processed-data/test_e5_s3"]),
    };
    expect(listPresetParts("paper-qwen2.5-3b", offered)).toMatchObject([
      { kind: "questions", name: "s3-processed-data/train_e5_s3", state: "missing" },
      { kind: "questions", name: "s3-processed-data/test_e5_s3", state: "here" },
      {
        kind: "model",
        state: "here",
        downloadGiB: 5.8,
        command: "npm run s3 -- model fetch Qwen/Qwen2.5-3B-Instruct",
      },
      {
        kind: "corpus",
        state: "elsewhere",
        downloadGiB: 65.1,
        command: "npm run s3 -- corpus import wiki-18 --with-index",
      },
      { kind: "encoder", command: "npm run s3 -- encoder fetch e5-base-v2" },
      {
        kind: "retriever",
        state: "elsewhere",
        command: "npm run s3 -- launch --preset serve-paper-retriever",
      },
      {
        kind: "generator",
        state: "elsewhere",
        command: "npm run s3 -- launch --preset serve-paper-generator",
      },
    ]);
  });

  it("that are served listen where the presets ask for them, and not where the page is", () => {
    const parse = (id: string) => runConfigSchema.parse(findPreset(id)?.config);
    const [retriever, generator] = ["serve-paper-retriever", "serve-paper-generator"].map(parse);
    for (const { id } of PRESETS.filter((preset) => preset.id.startsWith("paper-"))) {
      const config = parse(id);
      if (config.kind !== "train" || config.retriever.kind !== "remote") throw new Error(id);
      expect(retriever).toMatchObject({ port: Number(new URL(config.retriever.url).port) });
      for (const { endpoint } of [config.generator, config.judge])
        expect(generator).toMatchObject({ port: Number(new URL(endpoint!).port) });
    }
    expect(retriever).not.toMatchObject({ port: 3000 });
  });

  it("that no command brings have none", () => {
    expect(listPresetParts("atlas-smollm2").every(({ command }) => command === null)).toBe(true);
  });
});
