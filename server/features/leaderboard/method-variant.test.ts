import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  findCondensingPrompt as findCondensing,
  findMethodPrompt,
} from "@/core/prompts/built-in-prompts";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { describeVariant, getOwnPrompt } from "./method-variant";

const config = (changes: object = {}) =>
  predictConfigSchema.parse({ kind: "predict", name: "p", ...changes });
const describeId = (changes: object, ownPrompt: string | null = null): string =>
  describeVariant(config(changes), null, ownPrompt).id;
const endpoint = "http://127.0.0.1:8000/v1";
const text = findMethodPrompt("s3", "paper")!.text;
const edited = `${text}\nBe brief.`;

describe("a row of the leaderboard", () => {
  it("of s3 is parted by an edited prompt, the temperature and what is truncated", () => {
    expect(describeId({ methodSettings: { promptTemplate: edited } })).not.toBe(describeId({}));
    expect(
      describeVariant(config({ methodSettings: { promptTemplate: edited } }), null, null).detail,
    ).toMatch(/prompt full\/edited-[0-9a-f]{16}/);
    expect(describeId({ methodSettings: { promptTemplate: text } }), "the built-in text").toBe(
      describeId({}),
    );
    expect(
      describeId({ search: { decoding: "guided" }, methodSettings: { promptTemplate: text } }),
      "not the one of guided decoding",
    ).not.toBe(describeId({ search: { decoding: "guided" } }));
    expect(describeId({ searcher: { endpoint }, methodSettings: { temperature: 0.5 } })).not.toBe(
      describeId({ searcher: { endpoint } }),
    );
    expect(describeId({ methodSettings: { temperature: 0.5 } })).not.toBe(describeId({}));
    const truncated = { methodSettings: { temperature: 0.5, topP: 0.9, topK: 20 } };
    expect(describeId(truncated)).not.toBe(describeId({ methodSettings: { temperature: 0.5 } }));
    expect(describeVariant(config(truncated), null, null).detail).toMatch(
      /temperature 0\.5 · top p 0\.9 · top k 20$/,
    );
  });

  it("is parted by whether the model thinks, and keeps its name where its template decides", () => {
    for (const method of ["s3", "cot"]) {
      const of = (thinking: string) => config({ method, searcher: { thinking } });
      const ids = ["template", "on", "off"].map(
        (thinking) => describeVariant(of(thinking), null, null).id,
      );
      expect(new Set(ids).size, method).toBe(3);
      expect(ids[0], method).toBe(describeId({ method }));
      expect(ids[0], method).not.toContain("thinking");
      expect(describeVariant(of("off"), null, null).detail).toContain(" · thinking off");
    }
    expect(describeId({ method: "rag", searcher: { thinking: "on" } })).toBe(
      describeId({ method: "rag" }),
    );
  });

  it("of a trained baseline says the step, and how much it was trained on", () => {
    const trained = trainConfigSchema.parse(findPreset("atlas-train-search-r1")!.config);
    const checkpoint = { id: randomUUID(), step: 8, runId: "r", runName: "Mine", config: trained };
    const variant = describeVariant(
      config({ method: "search-r1", searcher: { checkpoint: checkpoint.id } }),
      checkpoint,
      "search-r1/1",
    );
    expect(variant.label).toBe("Search-R1, step 8");
    expect(variant.detail).toContain("step 8 of Mine");
    expect(variant.trainingSamples).toBe(192 + 8 * 8);
    expect(describeVariant(config({ method: "search-r1" }), null, null).label).toBe("Search-R1");
  });

  it("of Search-o1 is parted by either of its prompts", () => {
    const condensingPrompt = findCondensing("search-o1")!.text;
    const searchO1 = { method: "search-o1", methodSettings: { answeredBy: "generator" } };
    const edited = {
      ...searchO1,
      methodSettings: {
        ...searchO1.methodSettings,
        condensingPrompt: `${condensingPrompt}\nBe brief.`,
      },
    };
    expect(describeId(edited)).not.toBe(describeId(searchO1));
    expect(describeVariant(config(edited), null, null).detail).toMatch(
      /condensed by reason-in-documents\/edited-[0-9a-f]{16}/,
    );
    expect(
      describeId({ ...searchO1, methodSettings: { ...searchO1.methodSettings, condensingPrompt } }),
      "the built-in text",
    ).toBe(describeId(searchO1));
  });

  it("of a method that answers itself is parted by the prompt that is stored with its answers", () => {
    expect(describeId({ method: "cot" }, "cot/2")).not.toBe(describeId({ method: "cot" }, "cot/1"));
    expect(describeVariant(config({ method: "cot" }), null, "cot/1").detail).toContain(
      "answers itself · prompt cot/1",
    );
    expect(getOwnPrompt(config({ method: "cot" }))).toBe("cot/1");
    expect(
      getOwnPrompt(
        config({ method: "cot", methodSettings: { promptTemplate: "--- user ---\n{question}" } }),
      ),
    ).toMatch(/^cot\/edited-/);
    expect([
      getOwnPrompt(config()),
      getOwnPrompt(config({ method: "rag" })),
      getOwnPrompt(config({ method: "ircot", methodSettings: { answeredBy: "generator" } })),
    ]).toEqual([null, null, null]);
  });

  it("is one however its endpoint is asked, and whatever is said of an adapter that is not there", () => {
    const connection = { key: "mine", concurrency: 4, promptPrice: 1 };
    for (const method of ["s3", "ircot", "cot"])
      expect(describeId({ method, searcher: { endpoint, connection } }), method).toBe(
        describeId({ method, searcher: { endpoint } }),
      );
    expect(describeId({ searcher: { adapter: { rank: 4, firstLayer: 20 } } })).toBe(describeId({}));
    expect(describeId({ searcher: { endpoint: "http://elsewhere:8000/v1" } })).not.toBe(
      describeId({ searcher: { endpoint } }),
    );
    // Who answers CoT is no setting.
    expect(describeId({ method: "cot", methodSettings: { answeredBy: "generator" } })).toBe(
      describeId({ method: "cot" }),
    );
  });

  it("of an ablation is a row of its own", () => {
    const episodesOf = "00000000-0000-4000-8000-000000000001";
    const rows = (["selected", "no-select", "no-init", "no-both"] as const).map((context) =>
      describeVariant(config({ reuse: { episodesOf, context } }), null, null),
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(4);
    expect(rows[0]!.id).toBe(describeId({}));
    expect(rows.map(({ label }) => label)).toEqual([
      "s3 8-3-3, untrained",
      "s3 8-3-3, no selection, untrained",
      "s3 8-3-3, no first window, untrained",
      "s3 8-3-3, neither selection nor first window, untrained",
    ]);
  });

  it("of stored episodes that are answered anew is the generator's", () => {
    const reuse = { episodesOf: "00000000-0000-4000-8000-000000000001" };
    expect(describeVariant(config({ method: "cot", reuse }), null, null)).toMatchObject({
      generates: true,
      detail: expect.not.stringContaining("answers itself") as string,
    });
    expect(describeId({ method: "cot", reuse })).not.toBe(describeId({ method: "cot" }));
    expect(
      describeId({ method: "ircot", methodSettings: { answeredBy: "generator" }, reuse }),
    ).toBe(describeId({ method: "ircot", methodSettings: { answeredBy: "generator" } }));
  });
});
