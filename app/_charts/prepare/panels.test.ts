import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { buildPanelChart, findNames, groupNames, isPinned, moveEntry, togglePin } from "./panels";

const t = createText("en", {});

describe("panels", () => {
  it("are drawn in the unit of their metrics, or as plain numbers where those differ", () => {
    const chart = buildPanelChart({ title: "", metrics: ["held-out/accuracy", "held-out/gained"] });
    expect(chart).toMatchObject({ unit: "share", title: "held-out/accuracy, held-out/gained" });
    expect(
      buildPanelChart({ title: "Mixed", metrics: ["held-out/accuracy", "timing_s/step"] }),
    ).toMatchObject({ unit: "number", scale: "free", title: "Mixed" });
  });

  it("never draw two metrics alike", () => {
    const metrics = Array.from({ length: 14 }, (_, i) => `m/${i}`);
    const looks = buildPanelChart({ title: "", metrics }).series.map(
      ({ colour, dashed }) => `${colour} ${dashed}`,
    );
    expect(new Set(looks).size).toBe(14);
  });

  it("are pinned, moved and taken away", () => {
    const one = togglePin([], "a/b");
    expect(one).toEqual([{ title: "", metrics: ["a/b"] }]);
    expect(isPinned(one, "a/b")).toBe(true);
    expect(togglePin(one, "a/b")).toEqual([]);
    expect(moveEntry(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
    expect(moveEntry(["a", "b"], 0, -1)).toEqual(["a", "b"]);
  });
});

describe("names", () => {
  it("are found by regular expression", () => {
    const names = ["actor/kl_loss", "critic/kl", "reward/mean"];
    expect(findNames(names, "KL$|^reward")).toEqual(["critic/kl", "reward/mean"]);
    expect(findNames(names, "")).toEqual(names);
    expect(findNames(names, "(")).toBeNull();
  });

  it("are grouped by their first part, the key ones first", () => {
    expect(groupNames(t, ["x", "actor/b", "reward/mean", "actor/a"])).toEqual([
      { title: "Key metrics", names: ["reward/mean"] },
      { title: "actor", names: ["actor/a", "actor/b"] },
      { title: "Other", names: ["x"] },
    ]);
  });
});
