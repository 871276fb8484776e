import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { PRESETS } from "@/core/presets/run-presets";
import { parseConfigText } from "./config-text";

const t = createText("en", {});

describe("parseConfigText", () => {
  const problems = (text: string) => {
    const parsed = parseConfigText(t, text);
    return parsed.ok ? [] : parsed.problems;
  };
  it("accepts what it would write", () =>
    expect(parseConfigText(t, JSON.stringify(runConfigSchema.parse(PRESETS[0]!.config))).ok).toBe(
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
