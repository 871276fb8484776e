import { describe, expect, it } from "vitest";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { Setting } from "@/contracts/run-config/setting-group";
import { buildVariantDefaults, isChanged, readSettingValue } from "./setting-groups";
import {
  buildDefaultConfig,
  listChangedSettings,
  listSettingGroups,
  listLeftOut,
  listSettingMeanings,
  listSettingPaths,
  listSettingSections,
  readValueAt,
} from "./settings";
import { getSettingValue } from "./setting-values";

describe("settings", () => {
  it("has every setting of the schema: each leaf of a default configuration, and none besides", () => {
    const leaves = (value: unknown, path: string): string[] =>
      typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([k, v]) => leaves(v, path ? `${path}.${k}` : k))
        : [path];
    for (const [kind, served] of [
      ...launchedKindSchema.options.map((kind) => [kind, "retriever"] as const),
      ["serve", "model"] as const,
    ]) {
      const groups = listSettingGroups(kind, served);
      const config = buildDefaultConfig(kind, served);
      // Settings that came later are left out where they have their defaults.
      const isLeftOut = (s: Setting) =>
        s.default !== undefined && getSettingValue(config, s.path) === undefined;
      const paths = groups.flatMap((g) => [
        ...g.settings.filter((s) => !isLeftOut(s)).map((s) => s.path),
        ...(g.variant
          ? [g.variant.path, ...g.variant.options[0]!.settings.map((s) => s.path)]
          : []),
      ]);
      expect(paths.sort()).toEqual(
        leaves(config, "")
          .filter((p) => p !== "kind" && p !== "what")
          .sort(),
      );
    }
  });

  it("reads what a stored configuration leaves out, of the chosen kind of a group alone", () => {
    const config = buildDefaultConfig("train");
    const read = (path: string) => readValueAt(config, path);
    expect([read("rl.topP"), read("rl.steps"), read("rl.nothing")]).toEqual([
      1,
      getSettingValue(config, "rl.steps"),
      undefined,
    ]);
    const bm25 = runConfigSchema.parse({ ...config, name: "n", retriever: { kind: "bm25" } });
    expect([read("retriever.k1"), typeof readValueAt(bm25, "retriever.k1")]).toEqual([
      undefined,
      "number",
    ]);
    expect([readValueAt({ kind: "other" }, "rl.topP"), readValueAt(null, "rl.topP")]).toEqual([
      undefined,
      undefined,
    ]);
    expect(listLeftOut(runConfigSchema.parse({ ...config, name: "n", rl: { topP: 0.5 } }))).toEqual(
      Object.fromEntries(
        Object.entries(listLeftOut(config)).filter(([path]) => path !== "rl.topP"),
      ),
    );
  });

  it("shows a setting that is left out at its default, which is no change", () => {
    const topP = listSettingGroups("train")
      .flatMap((g) => g.settings)
      .find(({ path }) => path === "rl.topP")!;
    expect(topP).toMatchObject({
      default: 1,
      control: { kind: "number", integer: false, max: 1, nullable: false },
    });
    const config = buildDefaultConfig("train");
    expect([readSettingValue(topP, config), isChanged(topP, undefined)]).toEqual([1, false]);
    const changed = runConfigSchema.parse({ ...config, name: "n", rl: { topP: 0.5 } });
    expect([readSettingValue(topP, changed), listChangedSettings(changed)]).toEqual([
      0.5,
      expect.arrayContaining(["rl.topP"]),
    ]);
  });

  it("says what a path means, once where kinds of run agree", () => {
    const steps = listSettingMeanings("rl.steps");
    expect(steps).toEqual([expect.objectContaining({ kinds: ["train"], title: "Steps" })]);
    const [corpus] = listSettingMeanings("corpus");
    expect(corpus?.kinds.length, "of several kinds").toBeGreaterThan(1);
    expect(listSettingMeanings("retriever.kind").map(({ title }) => title)).toContain("Retriever");
    expect(listSettingMeanings("rl.stepz")).toEqual([]);
  });

  it("lists each setting of all kinds of run once, in the part where it stands", () => {
    const sections = listSettingSections();
    const paths = sections.flatMap(({ settings }) => settings.map(({ path }) => path));
    expect(new Set(paths).size).toBe(paths.length);
    for (const kind of launchedKindSchema.options)
      expect(paths).toEqual(
        expect.arrayContaining(
          listSettingPaths(kind).filter((path) => !/^(kind|what)$/.test(path)),
        ),
      );
    const search = sections.find(({ id }) => id === "search");
    const turns = search?.settings.find(({ path }) => path === "search.turns");
    expect(turns?.meanings[0]).toMatchObject({ title: "Turns", control: { kind: "number" } });
    expect(
      sections.flatMap(({ settings }) => settings).filter((one) => one.meanings.length === 0),
    ).toEqual([]);
  });

  it("describes every setting: title and meaning", () => {
    for (const [kind, served] of [
      ...launchedKindSchema.options.map((kind) => [kind, "retriever"] as const),
      ["serve", "model"] as const,
    ])
      for (const setting of listSettingGroups(kind, served).flatMap((g) => [
        ...g.settings,
        ...(g.variant?.options.flatMap((o) => o.settings) ?? []),
      ])) {
        expect(setting.meta.description, setting.path).not.toBe("");
        expect(setting.meta.title, setting.path).not.toBe(setting.path.split(".").at(-1));
      }
  });

  it("takes limits, choices and the paper's value from the schema", () => {
    const all = listSettingGroups("train").flatMap((g) => g.settings);
    const by = (path: string) => all.find((s) => s.path === path);
    expect(by("rl.steps")).toMatchObject({
      default: 20,
      meta: { paper: "20" },
      control: { kind: "number", integer: true, min: 0, max: 100_000 },
    });
    expect(by("rl.learningRate")?.control).toMatchObject({ kind: "number", integer: false });
    expect(by("search.decoding")?.control).toEqual({ kind: "choice", options: ["guided", "free"] });
    expect(by("rl.filterAnswered")?.control).toEqual({ kind: "switch" });
    expect(by("generator.endpoint")).toMatchObject({
      default: null,
      control: { kind: "text", nullable: true },
    });
    expect(by("searcher.adapter.rank")?.meta.title).toBe("LoRA rank");
  });

  it("offers the settings of each variant", () => {
    const variant = listSettingGroups("train").find((g) => g.id === "retriever")?.variant;
    expect(variant?.options.map((o) => o.value)).toEqual(
      retrieverSchema.unwrap().options.map((o) => o.shape.kind.value),
    );
    for (const option of variant!.options) {
      const required = option.settings
        .filter((s) => s.default === undefined)
        .map((s) => s.path.split(".").at(-1)!);
      const given = Object.fromEntries(
        required.map((key) => [key, key === "url" ? "http://127.0.0.1:9200" : "passages"]),
      );
      expect(retrieverSchema.parse({ ...buildVariantDefaults(option), ...given })).toEqual(
        retrieverSchema.parse({ kind: option.value, ...given }),
      );
    }
  });

  it("counts what differs from the defaults", () => {
    const config = { ...buildDefaultConfig("train"), name: "x" };
    expect(listChangedSettings(config)).toEqual([]);
    expect(
      listChangedSettings(
        runConfigSchema.parse({
          kind: "train",
          name: "x",
          rl: { steps: 2 },
          retriever: { kind: "dense", variant: "int8" },
        }),
      ),
    ).toEqual(["retriever.variant", "rl.steps"]);
  });
});
