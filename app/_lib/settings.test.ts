import { runKindSchema } from "@/contracts/records/run-state";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { PRESETS } from "@/core/presets/run-presets";
import { valueAt } from "@/core/run/setting-paths";
import {
  changedSettings,
  convertKind,
  defaultConfig,
  parseConfigText,
  plainMessage,
  predictWith,
  settingGroups,
  variantDefaults,
} from "./settings";

describe("settingGroups", () => {
  it("has every setting of the schema: each leaf of a default configuration, and none besides", () => {
    const leaves = (value: unknown, path: string): string[] =>
      typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([k, v]) => leaves(v, path ? `${path}.${k}` : k))
        : [path];
    for (const [kind, served] of [
      ...runKindSchema.options.map((kind) => [kind, "retriever"] as const),
      ["serve", "model"] as const,
    ]) {
      const groups = settingGroups(kind, served);
      const paths = groups.flatMap((g) => [
        ...g.settings.map((s) => s.path),
        ...(g.variant
          ? [g.variant.path, ...g.variant.options[0]!.settings.map((s) => s.path)]
          : []),
      ]);
      expect(paths.sort()).toEqual(
        leaves(defaultConfig(kind, served), "")
          .filter((p) => p !== "kind" && p !== "what")
          .sort(),
      );
    }
  });

  it("describes every setting: title and meaning", () => {
    for (const [kind, served] of [
      ...runKindSchema.options.map((kind) => [kind, "retriever"] as const),
      ["serve", "model"] as const,
    ])
      for (const setting of settingGroups(kind, served).flatMap((g) => [
        ...g.settings,
        ...(g.variant?.options.flatMap((o) => o.settings) ?? []),
      ])) {
        expect(setting.meta.description, setting.path).not.toBe("");
        expect(setting.meta.title, setting.path).not.toBe(setting.path.split(".").at(-1));
      }
  });

  it("takes limits, choices and the paper's value from the schema", () => {
    const all = settingGroups("train").flatMap((g) => g.settings);
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
    const variant = settingGroups("train").find((g) => g.id === "retriever")?.variant;
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
      expect(retrieverSchema.parse({ ...variantDefaults(option), ...given })).toEqual(
        retrieverSchema.parse({ kind: option.value, ...given }),
      );
    }
  });
});

describe("configurations", () => {
  it("counts what differs from the defaults", () => {
    const config = { ...defaultConfig("train"), name: "x" };
    expect(changedSettings(config)).toEqual([]);
    expect(
      changedSettings(
        runConfigSchema.parse({
          kind: "train",
          name: "x",
          rl: { steps: 2 },
          retriever: { kind: "dense", variant: "int8" },
        }),
      ),
    ).toEqual(["retriever.variant", "rl.steps"]);
  });

  it("keeps the experiment when the kind changes, there and back", () => {
    const train = runConfigSchema.parse(PRESETS[0]!.config);
    const predict = convertKind(train, "predict");
    expect(runConfigSchema.safeParse(predict).success).toBe(true);
    expect(valueAt(predict, "questions")).toBe("atlas/held-out");
    expect(valueAt(convertKind(predict, "train"), "search")).toEqual(valueAt(train, "search"));
  });

  it("predicts with a checkpoint", () => {
    const id = "6f1cdd4e-4a3c-4f0c-8f43-7a3d0a3f6a11";
    const config = runConfigSchema.parse(
      predictWith(runConfigSchema.parse(PRESETS[0]!.config), { id, step: 10 }),
    );
    expect(config).toMatchObject({ kind: "predict", method: "s3", searcher: { checkpoint: id } });
  });
});

describe("parseConfigText", () => {
  const problems = (text: string) => {
    const parsed = parseConfigText(text);
    return parsed.ok ? [] : parsed.problems;
  };
  it("accepts what it would write", () =>
    expect(parseConfigText(JSON.stringify(runConfigSchema.parse(PRESETS[0]!.config))).ok).toBe(
      true,
    ));
  it("names the line of broken JSON", () => {
    expect(problems('{\n  "kind": "train",\n  "name" "x"\n}')[0]).toMatchObject({ path: "line 3" });
    expect(problems("")[0]?.path).toBe("empty");
  });
  it("names an unknown key by its path", () =>
    expect(problems('{"kind":"train","name":"x","rl":{"stepz":3}}')).toEqual([
      { path: "rl.stepz", message: "unknown setting" },
    ]));
  it("names every wrong value by its path", () =>
    expect(problems('{"kind":"train","name":"","rl":{"steps":-1,"groupSize":"4"}}')).toEqual([
      { path: "name", message: "give the run a name" },
      { path: "rl.steps", message: "must be at least 0" },
      { path: "rl.groupSize", message: "give a number" },
    ]));
  it("names a wrong kind", () =>
    expect(problems('{"kind":"trian","name":"x"}')[0]?.path).toBe("kind"));
});

describe("plainMessage", () => {
  it("leaves unknown wording alone", () =>
    expect(plainMessage("give the run a name")).toBe("give the run a name"));
});
